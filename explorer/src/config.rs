//! The user's configuration: a file of JSON that people write, and the variables that stand above it. The screens and
//! `explorer config` use it. A mistake never keeps the program from starting.

use crate::domain::fields::Columns;
use crate::domain::preferences::Preferences;
use crate::ui::theme::{self, Look, Meaning, Theme};
use crate::{terminal, user_folders};
use ratatui::style::Style;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// The variable that chooses the theme.
const THEME_VARIABLE: &str = "EXPLORER_THEME";
/// The profile of who names none.
const DEFAULT_PROFILE: &str = "default";
/// The setting that must not be overlooked in a file with a mistake.
const READ_ONLY_PROFILES: &str = "read_only_profiles";

/// The file, as people write it.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Written {
    theme: Option<LookName>,
    colours: BTreeMap<MeaningName, StyleText>,
    times: Option<Times>,
    mouse: Option<bool>,
    columns: BTreeMap<String, ColumnsText>,
    read_only_profiles: Vec<String>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "String")]
struct LookName(Look);

impl TryFrom<String> for LookName {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        Look::parse(&name).map(Self)
    }
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(try_from = "String")]
struct MeaningName(Meaning);

impl TryFrom<String> for MeaningName {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        Meaning::parse(&name).map(Self)
    }
}

#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
struct StyleText(String, Style);

impl TryFrom<String> for StyleText {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        theme::style(&text).map(|style| Self(text, style))
    }
}

#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
struct ColumnsText(Columns);

impl TryFrom<String> for ColumnsText {
    type Error = String;

    fn try_from(line: String) -> Result<Self, String> {
        Columns::parse(&line).map(Self).map_err(|error| error.to_string())
    }
}

/// In which zone times are shown at first.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Times {
    Local,
    Utc,
}

/// Where a setting comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetBy {
    /// An option of the command line.
    Option,
    /// A variable of this name.
    Variable(&'static str),
    /// The file.
    File,
    /// What the terminal says about itself.
    Terminal,
    /// Nobody.
    Default,
}

impl fmt::Display for SetBy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Option => "--theme",
            Self::Variable(name) => name,
            Self::File => "file",
            Self::Terminal => "terminal",
            Self::Default => "default",
        })
    }
}

/// A setting in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Its name in the file, such as `theme` or `columns.orders`.
    pub name: String,
    /// Its value, as it is written.
    pub value: String,
    /// Where it comes from.
    pub set_by: SetBy,
}

/// The configuration in force.
#[derive(Debug)]
pub struct Config {
    /// The file, whether it is there or not; `None` if no home is known.
    pub file: Option<PathBuf>,
    /// What is wrong, each as a sentence. What is wrong is not in force.
    pub mistakes: Vec<String>,
    written: Written,
    look: (Look, SetBy),
    /// Whether the file has a mistake and may name read-only profiles.
    hides_profiles: bool,
}

impl Config {
    /// The configuration of this process. The option's theme stands above all others.
    #[must_use]
    pub fn load(option: Option<Look>) -> Self {
        let file = user_folders::config().map(|folder| folder.join("config.json"));
        Self::of(file, option, |name| std::env::var(name).ok())
    }

    fn of(file: Option<PathBuf>, option: Option<Look>, variable: impl Fn(&str) -> Option<String>) -> Self {
        let mut mistakes = Vec::new();
        let mut hides_profiles = false;
        let written = match file.as_deref().map_or(Ok(Written::default()), read) {
            Ok(written) => written,
            Err(mistake) => {
                hides_profiles = mistake.names_profiles;
                mistakes.push(mistake.sentence);
                Written::default()
            }
        };
        let by_variable = variable(THEME_VARIABLE).filter(|name| !name.is_empty()).and_then(|name| {
            let refused = |reason| mistakes.push(format!("{THEME_VARIABLE}: {reason}"));
            Look::parse(&name).map_err(refused).ok()
        });
        let wants_no_colours = !terminal::wants_colours_by(variable("NO_COLOR").as_deref());
        let look = match (option, by_variable, written.theme) {
            (Some(look), _, _) => (look, SetBy::Option),
            (None, Some(look), _) => (look, SetBy::Variable(THEME_VARIABLE)),
            (None, None, _) if wants_no_colours => (Look::Plain, SetBy::Variable("NO_COLOR")),
            (None, None, Some(LookName(look))) => (look, SetBy::File),
            (None, None, None) => {
                let of = |name| variable(name).unwrap_or_default();
                (Look::of_terminal(&of("TERM"), !of("COLORTERM").is_empty(), &of("COLORFGBG")), SetBy::Terminal)
            }
        };
        Self { file, mistakes, written, look, hides_profiles }
    }

    /// How things look.
    #[must_use]
    pub fn theme(&self) -> Theme {
        Theme::new(self.look.0, self.written.colours.iter().map(|(meaning, style)| (meaning.0, style.1)).collect())
    }

    /// What screens act on.
    #[must_use]
    pub fn preferences(&self) -> Preferences {
        Preferences {
            columns: self.written.columns.iter().map(|(stream, columns)| (stream.clone(), columns.0.clone())).collect(),
            shows_utc: self.written.times == Some(Times::Utc),
            leaves_mouse: self.written.mouse == Some(false),
        }
    }

    /// Why nothing may be changed with this profile, if that is so.
    #[must_use]
    pub fn forbids_changes(&self, profile: Option<&str>) -> Option<String> {
        let profile = profile.unwrap_or(DEFAULT_PROFILE);
        let file = self.file.as_deref().unwrap_or(Path::new("")).display();
        if self.hides_profiles {
            return Some(format!("{file} has a mistake and names read-only profiles"));
        }
        let is_named = self.written.read_only_profiles.iter().any(|named| named == profile);
        is_named.then(|| format!("profile {profile} is read-only in {file}"))
    }

    /// Everything that is in force, in the order of the document.
    #[must_use]
    pub fn settings(&self) -> Vec<Setting> {
        let Written { colours, times, mouse, columns, read_only_profiles, theme: _ } = &self.written;
        let setting = |name: &str, value: String, is_set: bool| Setting {
            name: name.to_owned(),
            value,
            set_by: if is_set { SetBy::File } else { SetBy::Default },
        };
        let mut settings = vec![Setting { name: "theme".to_owned(), value: self.look.0.name().to_owned(), set_by: self.look.1 }];
        settings.extend(
            colours.iter().map(|(meaning, style)| setting(&format!("colours.{}", meaning.0.name()), style.0.clone(), true)),
        );
        let zone = match times.unwrap_or(Times::Local) {
            Times::Local => "local",
            Times::Utc => "utc",
        };
        settings.push(setting("times", zone.to_owned(), times.is_some()));
        settings.push(setting("mouse", mouse.unwrap_or(true).to_string(), mouse.is_some()));
        settings.extend(columns.iter().map(|(stream, columns)| setting(&format!("columns.{stream}"), columns.0.to_string(), true)));
        settings.push(setting(READ_ONLY_PROFILES, read_only_profiles.join(" "), !read_only_profiles.is_empty()));
        settings
    }
}

/// What is wrong with the file.
struct Mistake {
    sentence: String,
    names_profiles: bool,
}

/// Reads the file; one that is not there says nothing.
fn read(file: &Path) -> Result<Written, Mistake> {
    let text = match std::fs::read(file) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Written::default()),
        Err(error) => {
            return Err(Mistake { sentence: format!("cannot read {}: {error}", file.display()), names_profiles: true });
        }
    };
    serde_json::from_slice(&text).map_err(|error| {
        let place = format!(" at line {} column {}", error.line(), error.column());
        let reason = error.to_string();
        let reason = reason.strip_suffix(&place).unwrap_or(&reason);
        let sentence = format!("{}, line {}: {reason}; its settings are not in force", file.display(), error.line());
        let names_profiles = memchr::memmem::find(&text, READ_ONLY_PROFILES.as_bytes()).is_some();
        Mistake { sentence, names_profiles }
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn config(text: &str, option: Option<Look>, variables: &[(&str, &str)]) -> Config {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config.json");
        std::fs::write(&file, text).unwrap();
        let variable = |name: &str| variables.iter().find(|(other, _)| *other == name).map(|(_, value)| (*value).to_owned());
        Config::of(Some(file), option, variable)
    }

    const WHOLE: &str = r#"{
        "theme": "light",
        "colours": {"danger": "bold #ff0000", "selected": "on 229"},
        "times": "utc",
        "mouse": false,
        "columns": {"orders": "id customer.city"},
        "read_only_profiles": ["prod", "default"]
    }"#;

    #[test]
    fn everything_in_the_file_is_in_force() {
        let config = config(WHOLE, None, &[]);
        assert_eq!(config.mistakes, Vec::<String>::new());
        let own =
            vec![(Meaning::Danger, theme::style("bold #ff0000").unwrap()), (Meaning::Selected, theme::style("on 229").unwrap())];
        for (meaning, style) in &own {
            assert_eq!(config.theme().of(*meaning), *style);
        }
        let preferences = config.preferences();
        assert!(preferences.shows_utc && preferences.leaves_mouse);
        assert_eq!(preferences.columns["orders"].to_string(), "id customer.city");
        assert!(config.forbids_changes(Some("prod")).unwrap().starts_with("profile prod is read-only in /"));
        assert!(config.forbids_changes(None).unwrap().starts_with("profile default is read-only in /"));
        assert_eq!(config.forbids_changes(Some("test")), None);
        let all: Vec<String> =
            config.settings().into_iter().map(|setting| format!("{}={} {}", setting.name, setting.value, setting.set_by)).collect();
        let expected = [
            "theme=light file",
            "colours.danger=bold #ff0000 file",
            "colours.selected=on 229 file",
            "times=utc file",
            "mouse=false file",
            "columns.orders=id customer.city file",
            "read_only_profiles=prod default file",
        ];
        assert_eq!(all, expected);
    }

    #[test]
    fn the_nearest_choice_of_a_theme_counts() {
        let look = |text: &str, option, variables: &[(&str, &str)]| config(text, option, variables).look;
        let light = r#"{"theme": "light"}"#;
        let no_colour = ("NO_COLOR", "1");
        assert_eq!(look(light, Some(Look::Dark), &[(THEME_VARIABLE, "16"), no_colour]), (Look::Dark, SetBy::Option));
        assert_eq!(look(light, None, &[(THEME_VARIABLE, "16"), no_colour]), (Look::Sixteen, SetBy::Variable(THEME_VARIABLE)));
        assert_eq!(look(light, None, &[no_colour]), (Look::Plain, SetBy::Variable("NO_COLOR")));
        assert_eq!(look(light, None, &[("NO_COLOR", ""), (THEME_VARIABLE, "")]), (Look::Light, SetBy::File));
        assert_eq!(look("{}", None, &[("TERM", "xterm-256color")]), (Look::Dark, SetBy::Terminal));
        let wrong = config(light, None, &[(THEME_VARIABLE, "neon")]);
        assert_eq!(wrong.look, (Look::Light, SetBy::File));
        assert_eq!(wrong.mistakes, ["EXPLORER_THEME: \"neon\" is not a theme; use dark, light, 16 or none"]);
    }

    #[test]
    fn a_mistake_names_file_line_and_reason() {
        for (text, line, reason) in [
            ("{\n\"theme\": \"neon\"}", 2, "\"neon\" is not a theme"),
            ("{\n\n\"themes\": \"dark\"}", 3, "unknown field `themes`, expected one of `theme`"),
            ("{\"colours\": {\n\"denger\": \"red\"}}", 2, "nothing is called \"denger\" here; there are heading, key"),
            ("{\"colours\": {\n\"danger\": \"reddish\"}}", 2, "\"reddish\" is not a colour"),
            ("{\"columns\": {\"orders\": \"id id\"}}", 1, "id is named twice"),
            ("{\"times\": \"mars\"}", 1, "unknown variant `mars`, expected `local` or `utc`"),
            ("", 1, "EOF while parsing a value"),
            ("{\"mouse\": true\n\"times\": \"utc\"}", 2, "expected `,` or `}`"),
        ] {
            let config = config(text, None, &[]);
            let [mistake] = config.mistakes.as_slice() else { panic!("{text}: {:?}", config.mistakes) };
            let expected = format!("config.json, line {line}: {reason}");
            assert!(mistake.contains(&expected), "{mistake} lacks {expected}");
            assert_eq!(config.preferences(), Preferences::default(), "{text}");
            assert_eq!(config.forbids_changes(None), None);
        }
    }

    #[test]
    fn a_mistake_does_not_lift_the_protection_of_a_profile() {
        let config = config("{\"read_only_profiles\": [\"prod\"], \"theme\": 1}", None, &[]);
        assert!(config.forbids_changes(Some("prod")).is_some_and(|why| why.contains("has a mistake")));
        let folder = tempfile::tempdir().unwrap();
        let unreadable = Config::of(Some(folder.path().to_owned()), None, |_| None);
        assert!(unreadable.mistakes[0].starts_with("cannot read /"), "{:?}", unreadable.mistakes);
        assert!(unreadable.forbids_changes(None).is_some());
    }

    #[test]
    fn without_a_file_nothing_is_wrong() {
        let folder = tempfile::tempdir().unwrap();
        for file in [None, Some(folder.path().join("config.json"))] {
            let config = Config::of(file, None, |_| None);
            assert_eq!((config.mistakes.len(), config.forbids_changes(None)), (0, None));
            assert!(config.settings().iter().all(|setting| matches!(setting.set_by, SetBy::Default | SetBy::Terminal)));
        }
    }

    #[test]
    fn the_document_names_every_setting_and_everything_that_has_a_colour() {
        let document = include_str!("../../docs/configuration.md");
        let rows: Vec<&str> = document.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
        for setting in config(WHOLE, None, &[]).settings() {
            let name = setting.name.split('.').next().unwrap();
            assert!(rows.contains(&name), "docs/configuration.md does not explain {name}");
        }
        for meaning in Meaning::ALL {
            assert!(rows.contains(&meaning.name()), "docs/configuration.md does not explain {}", meaning.name());
        }
        let example = document.split("```json\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
        assert_eq!(config(example, None, &[]).mistakes, Vec::<String>::new());
    }

    proptest! {
        #[test]
        fn no_file_keeps_the_program_from_starting(text in "[{}\\[\\]\",:a-z0-9 \n]{0,40}") {
            let config = config(&text, None, &[]);
            prop_assert!(!config.settings().is_empty());
        }
    }
}
