//! The definition of all arguments, completed with what the help of each command shows below them: examples, and the names of the
//! common options, which only the program's own help explains.

use super::Arguments;
use clap::{Command, CommandFactory as _};

/// Commands of a shell, by the path of the command that they show.
const EXAMPLES: [(&str, &[&str]); 23] = [
    (
        "",
        &[
            "explorer --local",
            "explorer orders",
            "explorer --profile prod --read-only",
            "explorer records orders key:cust-42 after:2h",
        ],
    ),
    (
        "streams",
        &["explorer streams", "explorer streams --check", "explorer streams --output json | jq '.[] | select(.health != \"ok\")'"],
    ),
    ("describe", &["explorer describe orders", "explorer describe orders --output json | jq .records_table"]),
    (
        "records",
        &[
            "explorer records orders key:cust-42 after:2h --limit 20",
            "explorer records orders 'json:$.total>100' -is:expired",
            "explorer records --file orders.jsonl text:timeout",
        ],
    ),
    (
        "get",
        &[
            "explorer get orders cust-42",
            "explorer get orders cust-42 4963 --output json",
            "explorer get orders cust-42 --raw > payload",
        ],
    ),
    ("tail", &["explorer tail orders text:timeout", "explorer tail orders --since 1h", "explorer tail orders --archived"]),
    (
        "export",
        &[
            "explorer export orders after:1d --to orders.jsonl",
            "explorer export orders --to orders.csv --excel --payload decoded",
            "explorer export orders --to - --format jsonl | gzip > orders.gz",
        ],
    ),
    (
        "configure",
        &[
            "explorer configure orders --mode ALL --ttl 90d",
            "explorer configure orders --mode ALL --ttl none --yes",
            "explorer configure orders --remove",
        ],
    ),
    (
        "recover",
        &[
            "explorer recover s3://failed-batches",
            "explorer recover s3://failed-batches --stream orders --archive",
            "explorer recover ./failed --archive --keep",
        ],
    ),
    ("replay", &["explorer replay plan orders after:1d --to orders-replay", "explorer replay run 3f2a", "explorer replay list"]),
    (
        "replay plan",
        &[
            "explorer replay plan orders after:1d --to orders-replay",
            "explorer replay plan orders key:cust-42 --to orders-replay --envelope --rate 100/s",
            "explorer replay plan --file orders.jsonl --to orders-replay",
        ],
    ),
    (
        "replay run",
        &[
            "explorer replay run 3f2a",
            "explorer replay run orders after:1d --to orders-replay --timing 10x",
            "explorer replay run 3f2a --yes --patience 1h",
        ],
    ),
    ("replay resume", &["explorer replay resume 3f2a", "explorer replay resume 3f2a --yes"]),
    ("replay pause", &["explorer replay pause 3f2a"]),
    ("replay cancel", &["explorer replay cancel 3f2a"]),
    ("replay list", &["explorer replay list", "explorer replay list --output json"]),
    (
        "replay show",
        &[
            "explorer replay show 3f2a",
            "explorer replay show 3f2a --record 4963",
            "explorer replay show 3f2a --receipts --output json",
        ],
    ),
    ("replay remove", &["explorer replay remove 3f2a"]),
    ("local", &["explorer local", "explorer local --no-demo --data-dir ./archives"]),
    ("config", &["explorer config", "explorer config --theme light", "explorer config --output json"]),
    ("keys", &["explorer keys"]),
    (
        "completions",
        &[
            "explorer completions bash > ~/.local/share/bash-completion/completions/explorer",
            "explorer completions zsh > ~/.zfunc/_explorer",
            "explorer completions fish > ~/.config/fish/completions/explorer.fish",
        ],
    ),
    ("man", &["explorer man | man -l -", "explorer man --dir ~/.local/share/man/man1"]),
];

/// The definition. Subcommands have the common options, too, but their long help only names them.
pub(super) fn definition() -> Command {
    let mut command = Arguments::command().after_help(examples("").unwrap_or_default());
    command.build();
    let common = format!("Common options, explained by explorer --help: {}", common_options(&command).join(", "));
    command.mut_subcommands(|below| completed(below, "", &common))
}

fn common_options(command: &Command) -> Vec<String> {
    let options = command.get_arguments().filter(|argument| argument.is_global_set());
    options.filter_map(|argument| Some(format!("--{}", argument.get_long()?))).collect()
}

fn completed(command: Command, above: &str, common: &str) -> Command {
    let path = format!("{above} {}", command.get_name()).trim().to_owned();
    let after = examples(&path).into_iter().chain([common.to_owned()]).collect::<Vec<_>>().join("\n\n");
    let command = command.after_help(after);
    let command = command.mut_args(|argument| if argument.is_global_set() { argument.hide_long_help(true) } else { argument });
    command.mut_subcommands(|below| completed(below, &path, common))
}

fn examples(path: &str) -> Option<String> {
    let (_, examples) = EXAMPLES.iter().find(|(of, _)| *of == path)?;
    Some(format!("Examples:\n  {}", examples.join("\n  ")))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::negated;
    use super::*;

    fn all(command: &Command, path: &str) -> Vec<(String, Command)> {
        let below = command.get_subcommands().filter(|below| below.get_name() != "help");
        let below = below.flat_map(|below| all(below, format!("{path} {}", below.get_name()).trim()));
        std::iter::once((path.to_owned(), command.clone())).chain(below).collect()
    }

    #[test]
    fn every_command_has_examples_and_no_other() {
        let paths: Vec<String> = all(&definition(), "").into_iter().map(|(path, _)| path).collect();
        assert!(paths.len() == EXAMPLES.len() && paths.iter().all(|path| examples(path).is_some()), "{paths:?}");
    }

    #[test]
    fn what_an_example_says_can_be_typed() {
        for (path, examples) in EXAMPLES {
            for example in examples {
                let typed = example.split(" | ").flat_map(|command| command.split(" > ")).next().unwrap().replace('\'', "");
                assert!(example.starts_with(format!("explorer {path}").trim_end()), "{example}");
                let arguments = negated::as_options(typed.split_whitespace().map(Into::into));
                let matches = definition().try_get_matches_from(arguments);
                assert!(matches.is_ok(), "{example}: {}", matches.unwrap_err());
            }
        }
    }

    #[test]
    fn the_help_of_a_command_ends_with_examples_and_names_the_common_options_once() {
        for (path, mut command) in all(&definition(), "").into_iter().filter(|(path, _)| !path.is_empty()) {
            let help = command.render_long_help().to_string();
            assert!(help.contains("\nExamples:\n  explorer ") && help.matches("--endpoint-url").count() == 1, "{path}: {help}");
            assert!(command.render_help().to_string().contains("--endpoint-url <URL>"), "{path}: the short help lists them");
        }
    }
}
