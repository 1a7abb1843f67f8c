#![allow(clippy::unwrap_used)]

use super::*;
use proptest::prelude::*;
use serde_json::Value;
use unicode_width::UnicodeWidthStr as _;

fn document(content: impl AsRef<[u8]>, form: Form, columns: usize) -> Document {
    let mut document = Document::new(content.as_ref().to_vec(), form);
    document.lay_out(columns);
    document
}

fn text_of(row: &Row) -> String {
    row.pieces.iter().map(|piece| piece.text.as_str()).collect()
}

fn rows(document: &Document) -> Vec<String> {
    (0..document.rows()).map(|row| text_of(&document.row(row))).collect()
}

fn marked(document: &Document, row: usize) -> Vec<String> {
    document.row(row).pieces.into_iter().filter(|piece| piece.is_match).map(|piece| piece.text).collect()
}

const ORDER: &str = r#"{"id":12345678901234567890.10,"items":[{"sku":"a 1"},{"sku":"b"}],"a\":":{},"e":[ ],"z":null}"#;

#[test]
fn json_tokens_stay_as_they_are() {
    let order = document(ORDER, Form::Json, 80);
    let expected = [
        "{",
        "  \"id\": 12345678901234567890.10,",
        "  \"items\": [",
        "    {",
        "      \"sku\": \"a 1\"",
        "    },",
        "    {",
        "      \"sku\": \"b\"",
        "    }",
        "  ],",
        "  \"a\\\":\": {},",
        "  \"e\": [],",
        "  \"z\": null",
        "}",
    ];
    assert_eq!(rows(&order), expected);
    assert_eq!(order.lines().collect::<Vec<_>>(), expected);
    let kinds: Vec<_> = order.row(1).pieces.iter().map(|piece| piece.token).collect();
    assert_eq!(kinds, [Token::Punctuation, Token::Key, Token::Punctuation, Token::Number, Token::Punctuation]);
}

#[test]
fn json_lines_begin_a_line_each_and_what_is_no_json_is_text() {
    assert_eq!(rows(&document("{\"a\":1}\n{\"b\":2}\n", Form::Json, 80)), ["{", "  \"a\": 1", "}", "{", "  \"b\": 2", "}"]);
    for text in ["17", "plain", "{\"a\":1} tail", "{", "\u{feff}{}"] {
        assert_eq!(document(text, Form::Json, 80).form(), Form::Text, "{text:?}");
    }
    assert_eq!(document("", Form::Json, 80).rows(), 0);
}

#[test]
fn a_fold_says_how_much_it_hides_and_keeps_what_closes_it() {
    let mut order = document(ORDER, Form::Json, 80);
    assert_eq!(order.row(2).fold, Some(Fold::Open));
    assert_eq!(order.toggle_fold(2), Some(2));
    assert_eq!(text_of(&order.row(2)), "  \"items\": [ … 2 items ],");
    assert_eq!(order.row(2).fold, Some(Fold::Folded));
    assert_eq!(text_of(&order.row(3)), "  \"a\\\":\": {},");
    assert_eq!(order.toggle_fold(2), Some(2));
    // A field folds what contains it, a closing bracket what it closes.
    assert_eq!(order.toggle_fold(4), Some(3));
    assert_eq!(text_of(&order.row(3)), "    { … 1 field },");
    assert_eq!(order.toggle_fold(7), Some(2));
    assert_eq!(order.toggle_fold(1), Some(0));
    assert_eq!(rows(&order), ["{ … 5 fields }"]);
    assert_eq!(order.lines().count(), 14, "the command line shows what is folded");
    order.unfold_all();
    order.fold_all(1);
    assert_eq!(order.rows(), 7);
}

#[test]
fn a_search_goes_round_and_unfolds_what_hides_a_match() {
    let mut order = document(ORDER, Form::Json, 80);
    order.fold_all(0);
    assert_eq!(order.search("sku"), 2);
    assert_eq!(order.next_match(0, Direction::Forward), Some(4));
    assert_eq!(marked(&order, 4), ["sku"]);
    order.fold_all(1);
    assert_eq!(order.next_match(2, Direction::Forward), Some(4));
    assert_eq!((order.matches_on(4), order.matches_on(5)), (0..1, 1..1));
    assert_eq!(order.next_match(4, Direction::Backward), Some(7), "round the end");
    assert_eq!(order.search("SKU"), 0);
    assert_eq!(order.next_match(0, Direction::Forward), None);
}

#[test]
fn what_is_seen_is_found() {
    let mut order = document(ORDER, Form::Json, 80);
    for (needle, row, found) in [
        ("\"sku\": \"b\"", 7, "\"sku\": \"b\""),
        ("\"sku\":\"b\"", 7, "\"sku\": \"b\""),
        ("890.10,", 1, "890.10,"),
        ("null", 12, "null"),
        ("\"z\":", 12, "\"z\":"),
        ("z\": nu", 12, "z\": nu"),
        ("\"z\" :null", 12, "\"z\": null"),
        ("a\\\":\": {},", 10, "a\\\":\": {},"),
        ("[],", 11, "[],"),
    ] {
        assert_eq!(order.search(needle), 1, "{needle}");
        assert_eq!(order.next_match(0, Direction::Forward), Some(row));
        assert_eq!(marked(&order, row).concat(), found);
    }
    assert_eq!(order.search("},{"), 0, "it stands on two lines");
    let pasted = r#"{"detail":"{\"a\":1, \"b\": 2}"}"#;
    let mut envelope = document(pasted, Form::Json, 80);
    assert_eq!(envelope.search(&pasted[1..pasted.len() - 1]), 1, "JSON in a string is as it is typed");
    assert_eq!(order.search(":null"), 0, "there is a blank between");
    assert_eq!(order.search(": null"), 1);
    let mut bytes = document(b"\r\nabc\r\n", Form::Hex, 80);
    assert_eq!(bytes.search("0d 0a"), 2);
    assert_eq!(bytes.search("BC"), 0);
    assert_eq!(bytes.search("bc"), 1);
    assert_eq!(marked(&bytes, 0), ["62 63", "bc"]);
}

#[test]
fn a_value_has_a_path_that_the_filter_takes() {
    let order = document(r#"{"items":[1,{"sku":"a"},{"it's \"odd\\\u0007":[[2]]}]}"#, Form::Json, 80);
    assert_eq!(order.path_at(0).unwrap(), "$");
    assert_eq!(order.path_at(4).unwrap(), "$.items[1].sku");
    let row = rows(&order).iter().position(|row| row.trim() == "2").unwrap();
    assert_eq!(order.path_at(row).unwrap(), r#"$.items[2]['it\'s "odd\\\u0007'][0][0]"#);
    let several = document("{\"a\":1}\n{\"b\":[3]}", Form::Json, 80);
    assert_eq!(several.path_at(5).unwrap(), "$.b[0]");
}

/// The characters that are looked at while this is done.
fn visited<T>(work: impl FnOnce() -> T) -> (T, usize) {
    let before = wrap::VISITED.get();
    let done = work();
    (done, wrap::VISITED.get() - before)
}

#[test]
fn a_huge_line_is_read_where_it_is_shown_and_nowhere_else() {
    let plain = "x".repeat(1 << 20);
    let wide = "日本語 ".repeat(150_000);
    let json = |text: &str| format!("{{\"note\":\"{text}\"}}");
    let plain_rows = (1_usize << 20).div_ceil(100);
    for (content, form, to_lay_out, rows) in [
        (plain.clone(), Form::Text, 0, plain_rows),
        (json(&plain), Form::Json, 0, 2 + ((1_usize << 20) + 10).div_ceil(98)),
        (wide.clone(), Form::Text, wide.chars().count(), 10_500),
        (json(&wide), Form::Json, wide.chars().count() + 10, 10_000),
    ] {
        let mut document = Document::new(content.clone().into_bytes(), form);
        let ((), work) = visited(|| document.lay_out(100));
        assert_eq!(work, to_lay_out, "{form:?}");
        if to_lay_out == 0 {
            assert_eq!(document.rows(), rows);
        } else {
            assert!(document.rows() > rows, "{}", document.rows());
        }
        // At most 31 rows are skipped from a noted one, then the row is measured and made.
        for row in [0, 31, 32, document.rows() / 2, document.rows() - 2, document.rows() - 1] {
            let (_, work) = visited(|| document.row(row));
            assert!(work <= 33 * 100, "{form:?} row {row}: {work}");
            let (place, work) = visited(|| document.place_of(row));
            assert!(work <= 31 * 100, "{form:?} row {row}: {work}");
            let (found, work) = visited(|| document.row_of(place));
            assert!(found == row && work <= 32 * 100, "{form:?} row {row}: {work}");
        }
        let text: String = rows_without_indent(&document, 2);
        assert_eq!(text, if form == Form::Text { content } else { content.replace(":", ": ") });
    }
}

fn rows_without_indent(document: &Document, indent: usize) -> String {
    rows(document).iter().map(|row| if document.form() == Form::Json && row.len() > 1 { &row[indent..] } else { row }).collect()
}

#[test]
fn a_payload_of_many_lines_is_not_cut() {
    let text = "a\n".repeat(20_000);
    assert_eq!(document(&text, Form::Text, 80).lines().count(), 20_000);
    let list = format!("[{}0]", "0,".repeat(20_000));
    assert_eq!(document(&list, Form::Json, 80).lines().count(), 20_003);
}

#[test]
fn a_place_survives_a_resize_in_the_middle_of_a_line() {
    for form in [Form::Text, Form::Hex] {
        let mut document = document("0123456789".repeat(1_000), form, 120);
        let place = document.place_of(40);
        let begin = text_of(&document.row(40));
        document.lay_out(15);
        let row = document.row_of(place);
        assert!(row > 300, "{row}");
        document.lay_out(120);
        assert_eq!(document.row_of(place), 40);
        assert_eq!(text_of(&document.row(40)), begin);
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    json_with(".{0,40}", ".{0,12}")
}

fn json_with(text: &'static str, key: &'static str) -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        text.prop_map(Into::into),
        "[ -~]{0,40}".prop_map(Into::into)
    ];
    leaf.prop_recursive(5, 60, 6, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Into::into),
            proptest::collection::btree_map(key, inner, 0..6).prop_map(|map| map.into_iter().collect())
        ]
    })
}

fn any_form() -> impl Strategy<Value = Form> {
    prop_oneof![Just(Form::Json), Just(Form::Text), Just(Form::Hex)]
}

/// Without what no two ways of showing a string agree on.
fn plain(value: &Value) -> bool {
    let text = value.to_string();
    crate::domain::text::printable(&text) == text
}

proptest! {
    #[test]
    fn layout_changes_nothing_but_blanks(value in any_json(), indented: bool, columns in 8..60_usize) {
        prop_assume!(plain(&value) && (value.is_object() || value.is_array()));
        let source = if indented { serde_json::to_string_pretty(&value).unwrap() } else { value.to_string() };
        let document = document(&source, Form::Json, columns);
        let laid_out: Vec<String> = document.lines().collect();
        prop_assert_eq!(laid_out.join("\n"), serde_json::to_string_pretty(&value).unwrap());
        // Wrapped, a line is its rows without the indent.
        let mut wrapped = vec![String::new(); laid_out.len()];
        for row in (0..document.rows()).map(|row| document.row(row)) {
            let text = text_of(&row);
            let depth = laid_out[row.line].len() - laid_out[row.line].trim_start().len();
            wrapped[row.line].push_str(&text[depth.min(columns / 2)..]);
        }
        let trimmed: Vec<&str> = laid_out.iter().map(|line| line.trim_start()).collect();
        prop_assert_eq!(wrapped, trimmed);
    }

    #[test]
    fn no_row_is_too_wide_or_hostile(content: Vec<u8>, form in any_form(), columns in 0..70_usize) {
        let document = document(&content, form, columns);
        for row in rows(&document) {
            prop_assert!(row.width() <= columns.max(8), "{:?}", row);
            prop_assert!(!row.chars().any(char::is_control));
        }
        for line in document.lines() {
            prop_assert!(!line.chars().any(char::is_control));
        }
        prop_assert_eq!(document.row(document.rows()), Row::default());
    }

    #[test]
    fn what_is_folded_and_unfolded_is_as_it_was(value in any_json(), folds: Vec<prop::sample::Index>, columns in 8..60_usize) {
        let mut document = document(value.to_string(), Form::Json, columns);
        let before = rows(&document);
        for fold in folds {
            let row = fold.index(document.rows().max(1));
            let hidden: Vec<Place> = (0..document.rows()).map(|row| document.place_of(row)).collect();
            if let Some(begin) = document.toggle_fold(row) {
                prop_assert!(document.row(begin).fold.is_some());
            }
            prop_assert!(hidden.into_iter().all(|place| document.row_of(place) < document.rows()));
            for row in rows(&document) {
                prop_assert!(row.width() <= columns, "{:?}", row);
            }
        }
        document.fold_all(0);
        prop_assert!(document.rows() <= before.len());
        document.unfold_all();
        prop_assert_eq!(rows(&document), before);
    }

    #[test]
    fn rows_and_places_agree(text in "[a-z\t\n日é\u{301}\u{1b}]{0,300}", form in any_form(), columns in 8..30_usize) {
        let document = document(&text, form, columns);
        for row in 0..document.rows() {
            prop_assert_eq!(document.row_of(document.place_of(row)), row);
        }
    }

    #[test]
    fn a_search_finds_what_is_in_the_lines(text in "[abAB日\n]{0,300}", needle in "[abA日]{1,2}", columns in 8..20_usize) {
        let mut document = document(&text, Form::Text, columns);
        let sensitive = needle.contains('A');
        let fold = |text: &str| if sensitive { text.to_owned() } else { text.to_lowercase() };
        let naive: usize = document.lines().map(|line| fold(&line).matches(&needle).count()).sum();
        prop_assert_eq!(document.search(&needle), naive);
        // What is marked in all rows is what is found, and going from match to match visits each row that has one.
        let all: String = (0..document.rows()).flat_map(|row| marked(&document, row)).collect();
        prop_assert_eq!(all.chars().count(), naive * needle.chars().count());
        // A match may begin on the row before: the rows where one begins are visited.
        let mut visited = Vec::new();
        let mut row = document.rows().saturating_sub(1);
        while let Some(next) = document.next_match(row, Direction::Forward) {
            if visited.contains(&next) {
                break;
            }
            prop_assert_eq!(document.next_match(next, Direction::Backward).is_some(), true);
            visited.push(next);
            row = next;
        }
        let counts: Vec<usize> = visited.iter().map(|row| document.matches_on(*row).len()).collect();
        prop_assert_eq!(counts.iter().sum::<usize>(), naive);
        prop_assert!(counts.iter().all(|count| *count > 0));
        prop_assert_eq!(visited.is_empty(), naive == 0);
    }

    #[test]
    fn a_search_finds_what_is_in_the_lines_of_json(
        value in json_with("[a-c\": ]{0,20}", "[a-c\": ]{0,5}"),
        indented: bool,
        needle in "[ a-z0-9\":,\\[\\]{}]{1,2}",
        columns in 8..40_usize
    ) {
        let source = if indented { serde_json::to_string_pretty(&value).unwrap() } else { value.to_string() };
        let mut document = document(source, Form::Json, columns);
        let naive: usize = document.lines().map(|line| line.trim_start().to_lowercase().matches(&needle).count()).sum();
        prop_assert_eq!(document.search(&needle), naive);
        let all: String = (0..document.rows()).flat_map(|row| marked(&document, row)).collect();
        prop_assert_eq!(all.to_lowercase(), needle.repeat(naive));
    }
}
