#![allow(clippy::unwrap_used)]

use super::*;
use crate::domain::text::printable;
use proptest::prelude::*;
use unicode_width::UnicodeWidthStr as _;

fn rows(diff: &Diff) -> Vec<String> {
    let sign = |change| match change {
        Change::Kept => ' ',
        Change::Removed => '-',
        Change::Added => '+',
        Change::Folded(_) => '~',
    };
    let rows = (0..diff.rows()).map(|row| diff.row(row).unwrap());
    rows.map(|row| iter::once(sign(row.change)).chain(row.pieces.iter().flat_map(|piece| piece.text.chars())).collect()).collect()
}

fn diff(old: &str, new: &str) -> Diff {
    let mut diff = Diff::of(old, new);
    diff.lay_out(80);
    diff
}

fn numbers(range: Range<usize>) -> String {
    range.map(|number| format!("line {number}\n")).collect()
}

#[test]
fn lines_are_kept_removed_and_added() {
    let diff = diff("{\n  \"status\": \"open\",\n  \"a\": 1\n}", "{\n  \"status\": \"paid\",\n  \"a\": 1,\n  \"b\": 2\n}");
    let expected =
        [" {", "-  \"status\": \"open\",", "-  \"a\": 1", "+  \"status\": \"paid\",", "+  \"a\": 1,", "+  \"b\": 2", " }"];
    assert_eq!(rows(&diff), expected);
    assert_eq!((diff.removed(), diff.added(), diff.is_exact()), (2, 3, true));
    let marked = |row| diff.row(row).unwrap().pieces.into_iter().filter(|piece| piece.is_match).map(|piece| piece.text).collect();
    let marked: Vec<String> = (1..6).map(marked).collect();
    assert_eq!(marked, ["open", "", "paid", ",", ""]);
}

#[test]
fn many_equal_lines_are_folded_and_can_be_shown() {
    let old = numbers(0..200);
    let new = old.replace("line 100\n", "line hundred\n");
    let mut diff = diff(&old, &new);
    let expected = [
        "~… 97 equal lines",
        " line 97",
        " line 98",
        " line 99",
        "-line 100",
        "+line hundred",
        " line 101",
        " line 102",
        " line 103",
        "~… 96 equal lines",
    ];
    assert_eq!(rows(&diff), expected);
    assert_eq!(diff.next_change(0, Direction::Forward), Some(4));
    assert_eq!(diff.next_change(9, Direction::Backward), Some(4));
    assert_eq!(diff.next_change(5, Direction::Forward), None);
    assert!(diff.unfold(0) && !diff.unfold(0));
    assert_eq!((diff.rows(), rows(&diff)[96].as_str()), (106, " line 96"));
}

#[test]
fn equal_texts_have_no_changes() {
    let text = numbers(0..50);
    assert_eq!(rows(&diff(&text, &text)), ["~… 50 equal lines"]);
    assert_eq!(rows(&diff("", "")), Vec::<String>::new());
    assert_eq!(rows(&diff("a\r\nb", "a\nb\n")), [" a", " b"], "what ends a line is no part of it");
}

#[test]
fn a_comparison_without_time_is_true_and_says_that_it_is_not_exact() {
    let mut diff = Diff::within(&numbers(0..300), &numbers(150..450), Duration::ZERO);
    diff.lay_out(80);
    assert!(!diff.is_exact());
    assert_eq!(diff.added(), diff.removed());
    assert!(diff.added() >= 150);
}

proptest! {
    #[test]
    fn both_texts_can_be_read_from_the_rows(old in "[ab\n]{0,80}", new in "[ab\n]{0,80}") {
        let mut diff = diff(&old, &new);
        while let Some(row) = (0..diff.rows()).find(|row| matches!(diff.row(*row).unwrap().change, Change::Folded(_))) {
            prop_assert!(diff.unfold(row));
        }
        let of = |others: char| -> Vec<String> {
            rows(&diff).into_iter().filter(|row| !row.starts_with(others)).map(|row| row[1..].to_owned()).collect()
        };
        // 160 characters at most: no line is wrapped but one of more than 80, and there is none.
        prop_assert_eq!(of('+'), old.lines().collect::<Vec<_>>());
        prop_assert_eq!(of('-'), new.lines().collect::<Vec<_>>());
    }

    #[test]
    fn no_row_is_too_wide_or_hostile(old: String, new in ".{0,40}(\n.{0,40}){0,5}", columns in 0..60_usize) {
        let mut diff = Diff::of(&old, &new);
        diff.lay_out(columns);
        for row in 0..diff.rows() {
            let row = diff.row(row).unwrap();
            let text: String = iter::once(row.sign.to_owned()).chain(row.pieces.into_iter().map(|piece| piece.text)).collect();
            prop_assert!(text.width() <= columns.max(10), "{:?}", text);
            prop_assert!(!text.chars().any(char::is_control));
        }
    }

    #[test]
    fn a_long_line_loses_nothing_where_it_is_wrapped(old in r"[^\p{M}\n]{0,120}", new in r"[^\p{M}\n]{0,120}", columns in 10..60_usize) {
        let mut diff = Diff::of(&old, &new);
        diff.lay_out(columns);
        let mut lines: Vec<(Change, String)> = Vec::new();
        for row in (0..diff.rows()).map(|row| diff.row(row).unwrap()) {
            let text: String = row.pieces.iter().map(|piece| piece.text.as_str()).collect();
            match lines.last_mut() {
                Some((change, line)) if *change == row.change && row.sign == "  " => line.push_str(&text),
                _ => lines.push((row.change, text)),
            }
        }
        let of = |other: Change| -> Vec<String> {
            lines.iter().filter(|(change, _)| *change != other).map(|(_, line)| line.replace(' ', "")).collect()
        };
        let expected = |text: &str| -> Vec<String> { text.lines().map(|line| printable(line).replace(' ', "")).collect() };
        prop_assert_eq!(of(Change::Added), expected(&old));
        prop_assert_eq!(of(Change::Removed), expected(&new));
    }
}
