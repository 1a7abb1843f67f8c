//! Lines: what they mean, that they come back as they went, and what is said of those with mistakes.

use super::super::values::MAX_KEY_CHARACTERS;
use super::*;
use proptest::collection::vec;

#[test]
fn a_line_names_key_and_range() {
    let filter = parse("key:cust-42  after:2h before:\"2026-11-20 11:30\"");
    assert_eq!(filter.key(), Some("cust-42"));
    assert_eq!(filter.after(times().now), Some("2026-11-20T10:00:00Z".parse().unwrap()));
    assert_eq!(filter.before(times().now), Some("2026-11-20T11:30:00Z".parse().unwrap()));
    assert_eq!(filter.sequence(), None);
    assert!(parse("  ").is_everything());
}

#[test]
fn the_options_of_the_command_line_make_the_same_filter() {
    let [after, before] = ["2026-11-20T10:00:00Z", "2026-11-20T11:00:00Z"].map(|at| at.parse().unwrap());
    let filter = RecordFilter::default().with_key("cust-42").with_after(after).with_before(before);
    assert_eq!(filter.clone().checked(times().now), Ok(parse("key:cust-42 after:2h before:1h").fixed(times().now)));
    assert_eq!(filter.with_before(after).checked(times().now), Err(EmptyRange { after, before: after }));
}

#[test]
fn one_condition_can_be_typed_in_many_ways() {
    for (typed, shown) in [
        ("timeout", "timeout"),
        ("-timeout", "-text:timeout"),
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
        ("json:$.status == \"paid\" ok", ".status=paid ok"),
        ("json:$.items[?@.sku == 'a b'].count>=2", "json:$.items[?@.sku == 'a b'].count>=2"),
        ("json:$.at =~ /^2026 /i", ".at=~/^2026 /i"),
        ("json:$.total!=1.50", ".total!=1.50"),
        ("-json:$..error", "-json:$..error"),
    ] {
        let filter = RecordFilter::parse(typed, &times());
        assert_eq!(filter.map(|filter| filter.to_string()).unwrap_or_default(), shown, "{typed}");
    }
}

#[test]
fn a_field_can_be_typed_in_many_ways() {
    for (typed, json, shown) in [
        (".status=failed", "json:$.status==\"failed\"", ".status=failed"),
        (".status == failed", "json:$.status==\"failed\"", ".status=failed"),
        ("status=paid", "json:$.status==\"paid\"", ".status=paid"),
        ("status == paid", "json:$.status==\"paid\"", ".status=paid"),
        ("status:paid", "json:$.status==\"paid\"", ".status=paid"),
        (".status:paid", "json:$.status==\"paid\"", ".status=paid"),
        ("$.status=paid", "json:$.status==\"paid\"", ".status=paid"),
        ("status='paid'", "json:$.status==\"paid\"", ".status=paid"),
        ("status=\"not paid\"", "json:$.status==\"not paid\"", ".status=\"not paid\""),
        ("total>100", "json:$.total>100", ".total>100"),
        ("total > 100", "json:$.total>100", ".total>100"),
        ("total>=-1.50", "json:$.total>=-1.50", ".total>=-1.50"),
        ("customer.city!=Kraków", "json:$.customer.city!=\"Kraków\"", ".customer.city!=Kraków"),
        (".paid=true", "json:$.paid==true", ".paid=true"),
        (".paid=\"true\"", "json:$.paid==\"true\"", ".paid=\"true\""),
        (".code=007", "json:$.code==\"007\"", ".code=007"),
        (".error=null", "json:$.error==null", ".error=null"),
        ("items[0].sku=a", "json:$.items[0].sku==\"a\"", ".items[0].sku=a"),
        (".items[*].price>10", "json:$.items[*].price>10", "json:$.items[*].price>10"),
        ("order-id=o-1", "json:$[\"order-id\"]==\"o-1\"", "json:$[\"order-id\"]==\"o-1\""),
        (".[\"a b\"]=1", "json:$[\"a b\"]==1", "json:$[\"a b\"]==1"),
        ("url=http://x/?a=b", "json:$.url==\"http://x/?a=b\"", ".url=http://x/?a=b"),
        (".at =~ /^2026 /i", "json:$.at=~/^2026 /i", ".at=~/^2026 /i"),
        ("-status=paid", "-json:$.status==\"paid\"", "-.status=paid"),
        ("created>2026-11-20 ok", "json:$.created>\"2026-11-20\" ok", ".created>2026-11-20 ok"),
    ] {
        let filter = parse(typed);
        assert_eq!((&filter, filter.to_string().as_str()), (&parse(json), shown), "{typed}");
        assert_eq!(parse(shown), filter, "{typed}");
    }
    let argument = RecordFilter::parse_arguments(["status=not found", "total > 100"], &times());
    assert_eq!(argument, Ok(parse("status=\"not found\" total>100")));
}

#[test]
fn what_compares_nothing_stays_a_text() {
    for (line, shown) in [
        ("status", "status"),
        (".status", "text:.status"),
        ("a.b:c", "text:a.b:c"),
        ("12:30", "text:12:30"),
        ("wow!", "text:wow!"),
        ("<html>", "text:<html>"),
        ("a <b>", "a text:<b>"),
        ("a -> b", "a -text:> b"),
        ("Foo.java:42", "text:Foo.java:42"),
        ("\"a=b\"", "text:a=b"),
        ("text:a=b", "text:a=b"),
        ("key:a=b", "key:a=b"),
        ("/a=b/", "/a=b/"),
        ("{\"a\":\"=\"}", "text:\"{\\\"a\\\":\\\"=\\\"}\""),
        ("12=5", "text:12=5"),
    ] {
        let filter = RecordFilter::parse(line, &times()).map(|filter| filter.to_string());
        assert_eq!(filter.as_deref(), Ok(shown), "{line}");
    }
}

#[test]
fn a_field_that_no_record_here_has_is_a_mistake_unless_it_begins_with_a_point() {
    let fields = ["status", "customer.city", "items"].map(str::to_owned);
    let read = |line: &str| RecordFilter::parse_for(line, &times(), &fields).map_err(|error| error.to_string());
    for line in ["status=paid", "customer.city=x", "items[0].sku=a", "customer=1", ".statsu=paid", "status:paid"] {
        assert!(read(line).is_ok(), "{line}: {:?}", read(line));
    }
    for (line, sentence) in [
        ("statsu:paid", "did you mean status? .statsu asks for it all the same, text:statsu:paid searches for that text"),
        ("statsu=paid", "did you mean status?"),
        ("localhost:8080", "no record here has the field localhost; .localhost asks for it"),
    ] {
        let mistake = read(line).unwrap_err();
        assert!(mistake.contains(sentence), "{line}: {mistake}");
    }
}

#[test]
fn a_mistake_is_pointed_at_and_named() {
    for (line, marks, sentence) in [
        ("a key: b", "  ^^^^  ", "key: has no value; use for example key:cust-42"),
        ("key:a key:b", "      ^^^^^", "key: is given twice"),
        ("key:\"a b", "    ^^^^", "the quotation mark is not closed"),
        ("key:\"a\"b", "       ^", "a blank must follow the closing quotation mark"),
        ("key:\"\"", "    ^^", "the value is empty"),
        ("key:a*b", "     ^ ", "a star is possible only at the end"),
        ("key:*", "    ^", "* alone matches every key"),
        ("kye:a", "^^^^ ", "did you mean key:?"),
        ("-SHARD:3", " ^^^^^^ ", "did you mean shard:?"),
        ("a since:1h", "  ^^^^^^  ", "did you mean after:?"),
        ("http://x/y", "^^^^^     ", "or text:http://x/y to search for that text"),
        ("a status= ", "  ^^^^^^^  ", "write for example .status=paid, or .status=\"\" for an empty text; text:status= searches"),
        ("status= key:a", "^^^^^^^      ", "status is compared with nothing"),
        ("=x", "^^", "a field must stand before =, such as .status=x; text:=x searches for that text"),
        ("total=>5", "     ^^ ", "use =, ==, !=, <, <=, >, >= or =~"),
        ("List<String>", "     ^^^^^^^", "that reads like another comparison; write \"String>\""),
        (".status=pa*", "        ^^^", ".status=~/^pa/ finds what begins so"),
        (".status=~pa", "       ^^^^", "such as .status=~/^pa/"),
        ("status='pa", "       ^^^", "the quotation mark is not closed"),
        ("keys:cust-42", "^^^^^       ", "did you mean key:? The field is .keys=cust-42"),
        ("status:", "^^^^^^^", ".status=… for a field"),
        ("after:soon", "      ^^^^", "\"soon\" is not a time; use 2026-11-20T10:00Z"),
        ("after:1h  before:2h", "          ^^^^^^^^^", "so no record can match"),
        ("-after:1h", "^^^^^^^^^", "write before:1h"),
        ("a -before:1h", "  ^^^^^^^^^^", "write after:1h"),
        ("a - b", "  ^  ", "a minus negates the condition right after it"),
        ("shard:x", "      ^", "use its number or its name"),
        ("seq:12x", "    ^^^", "must be decimal digits"),
        ("seq:9..10 seq:10..9", "              ^^^^^", "the first number is larger than the second"),
        ("seq:..", "    ^^", "a range needs at least one end"),
        ("size:>ten", "     ^^^^", "\"ten\" is not a size; use >10k"),
        ("size:<0", "     ^^", "no size is in this range"),
        ("is:late", "   ^^^^", "it can be expired, damaged, unreadable, parts, gzip, aggregated, replay"),
        ("/a(b/", "  ^  ", "unclosed group"),
        ("ü /[z-a]/", "    ^  ", "invalid character class range"),
        ("/var/log", "     ^^^", "only i may follow the closing /"),
        ("/var", "^^^^", "the expression has no closing /"),
        ("a //", "  ^^", "there is no expression between the slashes"),
        ("/(\\w{900}){900}/", " ^^^^^^^^^^^^^^ ", "the expression is too large"),
        ("json:status", "     ^^^^^^", "a JSONPath begins with $"),
        ("json:$.a[?@.x==1e400]", "               ^^^^^ ", "numbers in brackets go up to 1.8e308"),
        ("after:1764288000123", "      ^^^^^^^^^^^^^", "that is milliseconds; write seconds: 1764288000.123"),
        ("json:$.a[", "        ^", "this is not allowed here in a JSONPath"),
        ("json:$.a-b==1 x", "        ^", "write a name with special characters as ['order-id']"),
        ("json:$.", "     ^^", "must start with lowercase alpha or '_'"),
        ("json:$[?@.a=1] x", "           ^", "expected closing ']'"),
        ("json:$.a=1", "        ^ ", "use ==, !=, <, <=, >, >= or =~"),
        ("json:$.a==paid", "          ^^^^", "put a text in quotation marks, such as \"paid\""),
        ("json:$.a== b", "           ^", "b is not a JSON value"),
        ("json:$.a==", "          ", "a JSON value must follow"),
        ("json:$.a==1\"", "           ^", "a blank must follow the value"),
        ("json:$.a==\"x\"y", "             ^", "a blank must follow the value"),
        ("json:$.a=~x", "        ^^^", "=~ needs a regular expression between slashes"),
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
fn one_argument_is_one_condition_with_its_whole_value() {
    for (argument, line) in [
        ("text:not found", "text:\"not found\""),
        ("text:\"not found\"", "text:\"not found\""),
        ("not found", "text:\"not found\""),
        (" not found", "text:\" not found\""),
        ("-text:a b", "-text:\"a b\""),
        ("-not found", "-text:\"not found\""),
        ("key:order 42", "key:\"order 42\""),
        ("key:order *", "key:\"order \"*"),
        ("key:\"order 42\"*", "key:\"order 42\"*"),
        ("key:C:\\temp \\\\x", "key:\"C:\\\\temp \\\\\\\\x\""),
        ("text:say \"hi\"", "text:\"say \\\"hi\\\"\""),
        ("text:error in key: none", "text:\"error in key: none\""),
        ("after:2026-11-20 10:00", "after:2026-11-20T10:00:00Z"),
        (" after:2 hours ago ", "after:\"2 hours ago\""),
        ("after:today", "after:today"),
        ("size:> 10k", "size:>10k"),
        ("/a b/ ", "/a b/"),
        ("-/a b/i", "-/a b/i"),
        ("json:$.a == \"b c\" ", ".a=\"b c\""),
        ("json:$.a =~ /b c/", ".a=~/b c/"),
        ("json:$.a ", "json:$.a"),
    ] {
        let filter = RecordFilter::parse_arguments([argument], &times()).unwrap_or_else(|error| panic!("{argument}: {error}"));
        assert_eq!(filter.to_string(), line, "{argument}");
        assert_eq!(filter, parse(line), "{argument}");
    }
    let two = RecordFilter::parse_arguments(["key:order 42", "-text:not found"], &times());
    assert_eq!(two, Ok(parse("key:\"order 42\" -text:\"not found\"")));
}

#[test]
fn an_argument_that_looks_like_two_conditions_is_refused() {
    for (arguments, place, marks, sentence) in [
        (&["key:cust-42 after:1h"][..], 0, "            ^^^^^^^^", "write 'key:\"cust-42 after:1h\"'"),
        (&["is:gzip", "timeout -is:expired"], 1, "        ^^^^^^^^^^^", "write '\"timeout -is:expired\"'"),
        (&["after:1h is:gzip"], 0, "         ^^^^^^^", "make it an argument of its own"),
        (&["text:\"a b\" key:c"], 0, "          ^^^^^^", "the argument must end"),
        (&["json:$.a==1 key:c"], 0, "           ^^^^^^", "the argument must end"),
        (&["json:$.a key:c"], 0, "         ^^^^^", "a comparison must follow"),
        (&["json:$.a==b c"], 0, "          ^^^", "unless the whole condition is in single quotes"),
        (&["/a/ key:c"], 0, "   ^^^^^^", "only i may follow"),
        (&["key:a", "key:b"], 1, "^^^^^", "is given twice"),
        (&["after:1h", "before:2h"], 1, "^^^^^^^^^", "so no record can match"),
        (&["key:a", ""], 1, "", "this condition is empty"),
        (&["-"], 0, "^", "there is none"),
    ] {
        let InvalidArgument { place: at, mistake } =
            RecordFilter::parse_arguments(arguments.iter().copied(), &times()).unwrap_err();
        let span = mistake.span();
        let pointed: String = arguments[at].char_indices().map(|(at, _)| if span.contains(&at) { '^' } else { ' ' }).collect();
        assert_eq!((at, pointed.trim_end()), (place, marks), "{arguments:?}: {mistake}");
        assert!(mistake.to_string().contains(sentence), "{arguments:?}: {mistake}");
    }
}

#[test]
fn a_time_of_several_words_needs_no_quotes_in_a_line() {
    assert_eq!(parse("after:2026-11-20 10:00 paid").to_string(), "after:2026-11-20T10:00:00Z paid");
    assert_eq!(parse("before:2 hours ago is:gzip").to_string(), "before:\"2 hours ago\" is:gzip");
    assert_eq!(parse("after:1h 10:00").to_string(), "after:1h text:10:00");
    assert_eq!(parse("after:1h key:a").to_string(), "key:a after:1h");
}

#[test]
fn what_is_counted_back_moves_until_it_is_fixed() {
    let later = "2026-11-20T13:00:00Z".parse().unwrap();
    let filter = parse("after:1h paid");
    assert_eq!(filter.after(later), Some(times().now));
    assert_eq!(filter.title(), "last 1 h paid");
    let fixed = filter.fixed(times().now);
    assert_eq!(fixed.after(later), Some("2026-11-20T11:00:00Z".parse().unwrap()));
    assert_eq!(fixed.to_string(), "after:2026-11-20T11:00:00Z paid");
    assert_eq!(parse("key:a after:yesterday before:1h").title(), "key:a after:yesterday before:1h");
}

#[test]
fn a_number_is_shown_with_the_digits_it_was_typed_with() {
    for number in ["123456789012345678901234567890", "0.10000000000000000000001", "1e999", "-0.0", "1.50", "5E-7"] {
        let line = format!(".id={number}");
        assert_eq!(parse(&line).to_string(), line);
    }
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
const TYPED: [&str; 15] = [
    ".a=b",
    ".a.b!=\"q r\"",
    "a=\"true\"",
    ".a=~/=x/",
    ".a[0]={\"x\":\"= key:b\"}",
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
    fn a_field_as_it_is_typed_means_its_json(
        name in "[a-z_][a-zA-Z0-9_]{0,8}",
        text in "(?s)\\PC{1,12}|true|null|-?[0-9]{1,4}(\\.[0-9])?",
        sign in proptest::sample::select(vec!["=", "==", "!=", "<", "<=", ">", ">="]),
    ) {
        let in_json = scalar::in_json(&text);
        let comparison = if sign == "=" { "==" } else { sign };
        let json = parse(&format!("json:$.{name}{comparison}{in_json}"));
        prop_assert_eq!(&parse(&format!(".{name}{sign}{in_json}")), &json);
        prop_assert_eq!(&parse(&json.to_string()), &json);
        if scalar::is_plain(&text) {
            prop_assert_eq!(&parse(&format!(".{name}{sign}{text}")), &json);
            prop_assert_eq!(&parse(&format!("{name} {sign} {text}")), &json);
        }
    }

    #[test]
    fn a_filter_survives_its_line(
        key in proptest::option::of(any_key()),
        after in proptest::option::of(0..1_700_000_000_i64),
        before in proptest::option::of(1_700_000_001..1_800_000_000_i64),
        other_key in any_key(),
        conditions in vec(any_condition(), 0..6),
    ) {
        let at = |second: i64| TypedTime::At(Timestamp::from_second(second).unwrap());
        let not_this = Condition { is_negated: true, test: Test::Key(other_key) };
        let conditions = conditions.into_iter().chain([not_this]).collect();
        let filter = RecordFilter { key, after: after.map(at), before: before.map(at), conditions };
        let line = filter.to_string();
        prop_assert!(!line.chars().any(char::is_control), "{line:?}");
        let terms = filter.terms();
        let arguments = RecordFilter::parse_arguments(terms.iter().map(String::as_str), &times());
        prop_assert_eq!(arguments.map_err(|error| format!("{terms:?}: {error}")), Ok(filter.clone()));
        prop_assert_eq!(RecordFilter::parse(&line, &times()).map_err(|error| format!("{line}: {error}")), Ok(filter));
    }

    #[test]
    fn a_value_given_as_one_argument_means_that_value(
        value in prop_oneof!["(?s).{1,12}", "[ \\\\\"'/:=*a-]{1,8}", "(key|is|text):? ?[a-z]{0,4} (json|after)(:[a-z]{0,2})?"],
        is_negated: bool,
    ) {
        let minus = if is_negated { "-" } else { "" };
        let read = |argument: &str| RecordFilter::parse_arguments([argument], &times());
        let test = |test: Test| Ok(RecordFilter { conditions: vec![Condition { is_negated, test }], ..RecordFilter::default() });
        let text = || test(Test::Text(TextPattern::new(value.clone()).unwrap()));
        let user_key = || test(Test::UserKey(KeyPattern::Exactly(value.clone())));
        // In quotation marks always; without them, unless it begins with one or looks like two conditions, which is said.
        for quoted in [word::quoted(&value), word::in_quotes(&value)] {
            prop_assert_eq!(read(&format!("{minus}text:{quoted}")), text());
            prop_assert_eq!(read(&format!("{minus}userkey:{quoted}")), user_key());
        }
        let says_two = value.split_whitespace().skip(usize::from(!value.starts_with(char::is_whitespace))).any(|word| word.contains(':'));
        match read(&format!("{minus}text:{value}")) {
            Err(_) => prop_assert!(value.starts_with('"') || says_two, "{value:?} was refused"),
            Ok(filter) if !value.starts_with('"') => prop_assert_eq!(Ok(filter), text()),
            Ok(filter) => prop_assert_eq!(filter.conditions().len(), 1),
        }
        if !value.contains(['*', '"']) && !says_two && !value.trim().is_empty() {
            prop_assert_eq!(read(&format!("{minus}userkey:{value}")), user_key());
        }
    }

    #[test]
    fn whatever_is_typed_is_read_or_pointed_at(
        pieces in vec(
            prop_oneof![
                proptest::sample::select(vec![
                    "key:", "-", "json:$", ".a", "[", "]", "?@", "==", "=~", "\"", "\\", "/", "i", " ", "*", "size:", "..", ">", "1k",
                    "seq:", "9", "is:", ".b", "=", "!=", "status", ":", "<", "(", "\\u{", "}", "é", "after:", "1h", "'",
                ]).prop_map(str::to_owned),
                ".{0,3}",
            ],
            0..14,
        ),
        cursor in 0..60_usize,
    ) {
        let line = pieces.concat();
        if let Err(InvalidArgument { mistake, .. }) = RecordFilter::parse_arguments([line.as_str()], &times()) {
            prop_assert!(line.get(mistake.span()).is_some(), "{line:?}: {:?}", mistake.span());
        }
        match RecordFilter::parse(&line, &times()) {
            Ok(filter) => prop_assert_eq!(parse(&filter.to_string()), filter),
            Err(error) => prop_assert!(line.get(error.span()).is_some(), "{line:?}: {:?}", error.span()),
        }
        for completion in complete(&line, cursor, &Known::default()) {
            prop_assert!(line.get(completion.replace.clone()).is_some(), "{line:?}: {completion:?}");
        }
    }
}
