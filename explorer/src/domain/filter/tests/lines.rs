//! Lines: what they mean, that they come back as they went, and what is said of those with mistakes.

use super::super::values::MAX_KEY_CHARACTERS;
use super::*;
use proptest::collection::vec;
use proptest::prelude::*;

#[test]
fn a_line_names_key_and_range() {
    let filter = parse("key:cust-42  after:2h before:\"2026-11-20 11:30\"");
    assert_eq!(filter.key(), Some("cust-42"));
    assert_eq!(filter.after(), Some("2026-11-20T10:00:00Z".parse().unwrap()));
    assert_eq!(filter.before(), Some("2026-11-20T11:30:00Z".parse().unwrap()));
    assert_eq!(filter.sequence(), None);
    assert!(parse("  ").is_everything());
}

#[test]
fn the_options_of_the_command_line_make_the_same_filter() {
    let [after, before] = ["2026-11-20T10:00:00Z", "2026-11-20T11:00:00Z"].map(|at| at.parse().unwrap());
    let filter = RecordFilter::default().with_key("cust-42").with_after(after).with_before(before);
    assert_eq!(filter.clone().checked(), Ok(parse("key:cust-42 after:2h before:1h")));
    assert_eq!(filter.with_before(after).checked(), Err(EmptyRange { after, before: after }));
}

#[test]
fn one_condition_can_be_typed_in_many_ways() {
    for (typed, shown) in [
        ("timeout", "timeout"),
        ("-timeout", "-timeout"),
        ("text:12:30", "text:12:30"),
        ("12:30", "text:12:30"),
        ("\"two words\"", "text:\"two words\""),
        ("{\"id\":1}", "text:\"{\\\"id\\\":1}\""),
        ("text:-1", "text:-1"),
        ("\\d", "text:\"\\\\d\""),
        ("\"\\u{1e}\"", "text:\"\\u{1e}\""),
        ("key:cust-*", "key:cust-*"),
        ("key:\"cust-*\"", "key:\"cust-*\""),
        ("key:cust-\\*", "key:\"cust-*\""),
        ("key:\"a b\"*", "key:\"a b\"*"),
        ("-key:cust-42", "-key:cust-42"),
        ("shard:shardId-000000000003", "shard:3"),
        ("shard:shardId-3", "shard:shardId-3"),
        ("seq:7..7", "seq:7"),
        ("seq:..900", "seq:..900"),
        ("size:>10k", "size:>10k"),
        ("size:>=10241", "size:>10k"),
        ("size:<=1MiB", "size:<=1M"),
        ("size:<1mb", "size:<1M"),
        ("size:0..100", "size:<=100"),
        ("size:=2048", "size:2k"),
        ("size:5..2G", "size:5..2G"),
        ("-is:expired", "-is:expired"),
        ("/time(d )?out\\/ms/i", "/time(d )?out\\/ms/i"),
        ("json:$.status == \"paid\" ok", "json:$.status==\"paid\" ok"),
        ("json:$.items[?@.sku == 'a b'].count>=2", "json:$.items[?@.sku == 'a b'].count>=2"),
        ("json:$.at =~ /^2026 /i", "json:$.at=~/^2026 /i"),
        ("json:$.total!=1.50", "json:$.total!=1.5"),
        ("-json:$..error", "-json:$..error"),
    ] {
        let filter = RecordFilter::parse(typed, &times());
        assert_eq!(filter.map(|filter| filter.to_string()).unwrap_or_default(), shown, "{typed}");
    }
}

#[test]
fn a_mistake_is_pointed_at_and_named() {
    for (line, marks, sentence) in [
        ("a key: b", "  ^^^^  ", "key: has no value; use for example key:cust-42"),
        ("key:a key:b", "      ^^^^^", "key: stands there twice"),
        ("key:\"a b", "    ^^^^", "the quotation mark is not closed"),
        ("key:\"a\"b", "       ^", "after the closing quotation mark a blank must follow"),
        ("key:\"\"", "    ^^", "the value is empty"),
        ("key:a*b", "     ^ ", "a star stands only at the end"),
        ("key:*", "    ^", "every key begins with nothing"),
        ("kye:a", "^^^^ ", "did you mean key:?"),
        ("-SHARD:3", " ^^^^^^ ", "did you mean shard:?"),
        ("a since:1h", "  ^^^^^^  ", "did you mean after:?"),
        ("http://x/y", "^^^^^     ", "or text:http://x/y to look for that text"),
        ("after:soon", "      ^^^^", "\"soon\" is not a time; use 2026-11-20T10:00Z"),
        ("after:1h  before:2h", "          ^^^^^^^^^", "so no record can match"),
        ("-after:1h", "^^^^^^^^^", "write before:1h"),
        ("a -before:1h", "  ^^^^^^^^^^", "write after:1h"),
        ("a - b", "  ^  ", "a minus turns the condition right behind it round"),
        ("shard:x", "      ^", "use its number or its name"),
        ("seq:12x", "    ^^^", "must be decimal digits"),
        ("seq:9..10 seq:10..9", "              ^^^^^", "the first number is larger than the second"),
        ("seq:..", "    ^^", "a range needs at least one end"),
        ("size:>ten", "     ^^^^", "\"ten\" is no size; use >10k"),
        ("size:<0", "     ^^", "no size is in this range"),
        ("is:late", "   ^^^^", "it can be expired, damaged, parts, gzip, aggregated, replay"),
        ("/a(b/", "  ^  ", "unclosed group"),
        ("ü /[z-a]/", "    ^  ", "invalid character class range"),
        ("/var/log", "     ^^^", "behind the closing / only i may stand"),
        ("/var", "^^^^", "the expression has no closing /"),
        ("a //", "  ^^", "there is no expression between the slashes"),
        ("/(\\w{900}){900}/", " ^^^^^^^^^^^^^^ ", "the expression is too large"),
        ("json:status", "     ^^^^^^", "a JSONPath begins with $"),
        ("json:$.a[", "        ^", "this cannot stand here in a JSONPath"),
        ("json:$.a-b==1 x", "        ^", "a name with signs in it is written ['order-id']"),
        ("json:$.", "     ^^", "must start with lowercase alpha or '_'"),
        ("json:$[?@.a=1] x", "           ^", "expected closing ']'"),
        ("json:$.a=1", "        ^ ", "use ==, !=, <, <=, >, >= or =~"),
        ("json:$.a==paid", "          ^^^^", "a text stands in quotation marks, such as \"paid\""),
        ("json:$.a== b", "           ^", "b is no JSON value"),
        ("json:$.a==", "          ", "a JSON value must follow"),
        ("json:$.a==1\"", "           ^", "behind the value a blank must follow"),
        ("json:$.a==\"x\"y", "             ^", "behind the value a blank must follow"),
        ("json:$.a=~x", "        ^^^", "stands a regular expression between slashes"),
        ("json:$.a=~/x(/", "            ^ ", "unclosed group"),
    ] {
        let error = RecordFilter::parse(line, &times()).err().unwrap_or_else(|| panic!("{line} was accepted"));
        let span = error.span();
        let pointed: String = line.char_indices().map(|(at, _)| if span.contains(&at) { '^' } else { ' ' }).collect();
        assert_eq!(pointed.trim_end(), marks.trim_end(), "{line}: {error}");
        assert!(error.to_string().contains(sentence), "{line}: {error}");
        assert!(!error.to_string().contains('\n'), "{line}: {error}");
    }
    let long = format!("key:{}", "k".repeat(MAX_KEY_CHARACTERS + 1));
    assert!(RecordFilter::parse(&long, &times()).unwrap_err().to_string().contains("at most 256 characters"));
}

#[test]
fn a_path_nested_without_end_is_refused_at_once() {
    let nested = format!("json:$[?{}@.a{}]", "(".repeat(400), ")".repeat(400));
    assert!(RecordFilter::parse(&nested, &times()).unwrap_err().to_string().contains("nested too deep"));
    let allowed = format!("json:$[?{}@.a{}]", "(".repeat(7), ")".repeat(7));
    parse(&allowed);
}

fn any_key() -> impl Strategy<Value = KeyPattern> {
    ("(?s).{1,20}", any::<bool>())
        .prop_map(|(key, is_prefix)| if is_prefix { KeyPattern::Prefix(key) } else { KeyPattern::Exactly(key) })
}

/// Conditions that are typed by hand.
const TYPED: [&str; 10] = [
    "/a b\\/c/",
    "/[\"']x\\\\/i",
    "json:$.a",
    "json:$['a b'][0]",
    "json:$.a[?@.b == \"c d\"]=={\"x\":[1,null]}",
    "json:$.a!=\"q \\\" \\u0007\"",
    "json:$.a<=-1.5e300",
    "json:$.a=~/x y/i",
    "is:damaged",
    "shard:shardId-odd",
];

fn any_condition() -> impl Strategy<Value = Condition> {
    let number = || proptest::option::of("0|[1-9][0-9]{0,57}");
    let test = prop_oneof![
        any_key().prop_map(Test::UserKey),
        "(?s).{1,20}".prop_map(|text| Test::Text(TextPattern::new(text).unwrap())),
        any::<u64>().prop_map(|shard| Test::Shard(ShardName::parse(&shard.to_string(), 0..0).unwrap())),
        (number(), number()).prop_filter_map("no record could match", |(from, to)| {
            let text = format!("{}..{}", from.unwrap_or_default(), to.unwrap_or_default());
            SequenceRange::parse(&text, 0..0).ok().map(Test::Sequence)
        }),
        (0..6_u64, 0..70_u32, 0..3_u64, any::<bool>()).prop_map(|(least, shift, more, is_open)| {
            let least = (least << shift.min(50)).saturating_add(more);
            let text = if is_open { format!(">={least}") } else { format!("{least}..{}", least * 2 + more) };
            Test::Size(SizeRange::parse(&text, 0..0).unwrap())
        }),
        proptest::sample::select(TYPED.to_vec()).prop_map(|line| parse(line).conditions[0].test.clone()),
    ];
    (any::<bool>(), test).prop_map(|(is_negated, test)| Condition { is_negated, test })
}

proptest! {
    #[test]
    fn a_filter_survives_its_line(
        key in proptest::option::of(any_key()),
        after in proptest::option::of(0..1_700_000_000_i64),
        before in proptest::option::of(1_700_000_001..1_800_000_000_i64),
        other_key in any_key(),
        conditions in vec(any_condition(), 0..6),
    ) {
        let at = |second: i64| Timestamp::from_second(second).unwrap();
        let not_this = Condition { is_negated: true, test: Test::Key(other_key) };
        let conditions = conditions.into_iter().chain([not_this]).collect();
        let filter = RecordFilter { key, after: after.map(at), before: before.map(at), conditions };
        let line = filter.to_string();
        prop_assert!(!line.chars().any(char::is_control), "{line:?}");
        prop_assert_eq!(RecordFilter::parse(&line, &times()).map_err(|error| format!("{line}: {error}")), Ok(filter));
    }

    #[test]
    fn whatever_is_typed_is_read_or_pointed_at(
        pieces in vec(
            prop_oneof![
                proptest::sample::select(vec![
                    "key:", "-", "json:$", ".a", "[", "]", "?@", "==", "=~", "\"", "\\", "/", "i", " ", "*", "size:", "..", ">", "1k",
                    "seq:", "9", "is:", "(", "\\u{", "}", "é", "after:", "1h", "'",
                ]).prop_map(str::to_owned),
                ".{0,3}",
            ],
            0..14,
        ),
        cursor in 0..60_usize,
    ) {
        let line = pieces.concat();
        match RecordFilter::parse(&line, &times()) {
            Ok(filter) => prop_assert_eq!(parse(&filter.to_string()), filter),
            Err(error) => prop_assert!(line.get(error.span()).is_some(), "{line:?}: {:?}", error.span()),
        }
        for completion in complete(&line, cursor, &Known::default()) {
            prop_assert!(line.get(completion.replace.clone()).is_some(), "{line:?}: {completion:?}");
        }
    }
}
