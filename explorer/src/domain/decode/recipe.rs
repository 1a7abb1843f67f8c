//! Which decoders are applied to a payload: the detected ones, or those that the user names, as in `gzip > msgpack`.

use std::fmt;
use std::str::FromStr;

/// Which decoders are applied to a payload.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Recipe {
    /// Whatever is detected.
    #[default]
    Detected,
    /// These, one after the other; what they leave is shown by what it is, unless the last one says that, too.
    Steps(Vec<RecipeStep>),
}

/// One decoder, by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RecipeStep {
    /// Takes a user record out of an aggregated record.
    Kpl,
    /// Takes the replay envelope off.
    Envelope,
    /// Unpacks gzip.
    Gzip,
    /// Unpacks zlib.
    Zlib,
    /// Unpacks Zstandard.
    Zstd,
    /// Undoes base64 inside the payload, beneath that of the item.
    Base64,
    /// Makes sure that it is what CloudWatch Logs sends.
    CloudWatchLogs,
    /// Takes the header of the Glue schema registry off, and unpacks what it says is packed.
    Glue,
    /// Takes the header of Confluent's schema registry off.
    Confluent,
    /// Converts UTF-16 with a byte order mark to UTF-8.
    Utf16,
    /// Takes the text out of a JSON string.
    Unquote,
    /// Skips this many bytes at the beginning.
    Skip(u32),
    /// Shows JSON.
    Json,
    /// Shows UTF-8 text.
    Text,
    /// Shows MessagePack.
    MessagePack,
    /// Shows CBOR.
    Cbor,
    /// Shows protobuf's fields.
    Protobuf,
    /// Shows protobuf's fields, of messages that each stand after their length.
    Delimited,
    /// Shows bytes.
    Hex,
}

/// Why a text is no recipe.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRecipe {
    /// It names nothing.
    #[error("name a step; known are {}, and {DETECTED} alone", known())]
    Empty,
    /// It names a step that there is not.
    #[error("\"{name}\" is not a step; known are {}, and {DETECTED} alone", known())]
    UnknownStep { name: String },
    /// A step that shows the content comes before others.
    #[error("{0} shows the content, so no step can follow it")]
    NotLast(RecipeStep),
    /// A step that needs a number has none.
    #[error("{SKIP} needs the number of bytes to skip, such as: {SKIP} 5")]
    NoCount,
    /// It has more steps than are taken.
    #[error("at most {MAX_STEPS} steps are possible")]
    TooLong,
}

/// Decoders that are applied to one payload, so that none keeps the program busy.
pub(super) const MAX_STEPS: usize = 8;

/// The name of the step that a number follows.
const SKIP: &str = "skip";

/// The name of the recipe that names no steps.
const DETECTED: &str = "detected";

impl RecipeStep {
    /// Every step there is, of those with a number one.
    pub const ALL: [Self; 19] = [
        Self::Kpl,
        Self::Envelope,
        Self::Gzip,
        Self::Zlib,
        Self::Zstd,
        Self::Base64,
        Self::CloudWatchLogs,
        Self::Glue,
        Self::Confluent,
        Self::Utf16,
        Self::Unquote,
        Self::Skip(0),
        Self::Json,
        Self::Text,
        Self::MessagePack,
        Self::Cbor,
        Self::Protobuf,
        Self::Delimited,
        Self::Hex,
    ];

    /// Its name in a recipe, without a number.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Kpl => "kpl",
            Self::Envelope => "envelope",
            Self::Gzip => "gzip",
            Self::Zlib => "zlib",
            Self::Zstd => "zstd",
            Self::Base64 => "base64",
            Self::CloudWatchLogs => "cloudwatch",
            Self::Glue => "glue",
            Self::Confluent => "confluent",
            Self::Utf16 => "utf16",
            Self::Unquote => "unquote",
            Self::Skip(_) => SKIP,
            Self::Json => "json",
            Self::Text => "text",
            Self::MessagePack => "msgpack",
            Self::Cbor => "cbor",
            Self::Protobuf => "protobuf",
            Self::Delimited => "delimited",
            Self::Hex => "hex",
        }
    }

    /// Whether it says how the content is shown, and takes nothing off.
    #[must_use]
    pub fn is_format(self) -> bool {
        match self {
            Self::Kpl
            | Self::Envelope
            | Self::Gzip
            | Self::Zlib
            | Self::Zstd
            | Self::Base64
            | Self::CloudWatchLogs
            | Self::Glue
            | Self::Confluent
            | Self::Utf16
            | Self::Unquote
            | Self::Skip(_) => false,
            Self::Json | Self::Text | Self::MessagePack | Self::Cbor | Self::Protobuf | Self::Delimited | Self::Hex => true,
        }
    }
}

impl Recipe {
    /// Reads `detected`, or the names of steps with `>` between them.
    ///
    /// # Errors
    /// If a name is unknown, nothing is named, or a step is in a place where it cannot be.
    pub fn parse(text: &str) -> Result<Self, InvalidRecipe> {
        if text.trim().eq_ignore_ascii_case(DETECTED) {
            return Ok(Self::Detected);
        }
        if text.trim().is_empty() {
            return Err(InvalidRecipe::Empty);
        }
        // The breadcrumb's sign is taken too, since people copy from there.
        let steps = text.split(['>', '›']).map(str::trim).map(RecipeStep::from_str).collect::<Result<Vec<_>, _>>()?;
        if steps.len() > MAX_STEPS {
            return Err(InvalidRecipe::TooLong);
        }
        match steps.split_last().and_then(|(_, before)| before.iter().find(|step| step.is_format())) {
            Some(step) => Err(InvalidRecipe::NotLast(*step)),
            None => Ok(Self::Steps(steps)),
        }
    }
}

impl Recipe {
    /// What it asks of a user record: the steps after the one that takes it out.
    #[must_use]
    pub fn of_user_record(&self) -> Self {
        match self {
            Self::Detected => Self::Detected,
            Self::Steps(steps) => {
                let inner: Vec<RecipeStep> = steps.iter().copied().skip_while(|step| *step != RecipeStep::Kpl).skip(1).collect();
                if inner.is_empty() { Self::Detected } else { Self::Steps(inner) }
            }
        }
    }
}

impl FromStr for RecipeStep {
    type Err = InvalidRecipe;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let (word, number) = name.split_once(char::is_whitespace).map_or((name, None), |(word, number)| (word, Some(number)));
        let step = Self::ALL.into_iter().find(|step| step.as_str().eq_ignore_ascii_case(word));
        match (step, number) {
            (Some(Self::Skip(_)), number) => {
                let bytes = number.and_then(|number| number.trim().parse().ok());
                bytes.map(Self::Skip).ok_or(InvalidRecipe::NoCount)
            }
            (Some(step), None) => Ok(step),
            (Some(_), Some(_)) | (None, _) => Err(InvalidRecipe::UnknownStep { name: name.to_owned() }),
        }
    }
}

impl FromStr for Recipe {
    type Err = InvalidRecipe;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl fmt::Display for RecipeStep {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Skip(bytes) => write!(formatter, "{SKIP} {bytes}"),
            step => formatter.write_str(step.as_str()),
        }
    }
}

impl fmt::Display for Recipe {
    /// As a text that reads as the same recipe.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Detected => formatter.write_str(DETECTED),
            Self::Steps(steps) => formatter.write_str(&steps.iter().map(ToString::to_string).collect::<Vec<_>>().join(" > ")),
        }
    }
}

fn known() -> String {
    let name = |step| if let RecipeStep::Skip(_) = step { "skip N" } else { step.as_str() };
    RecipeStep::ALL.map(name).join(", ")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Recipes as they can be parsed.
    pub(in super::super) fn any_recipe() -> impl Strategy<Value = Recipe> {
        let any_step = proptest::sample::select(RecipeStep::ALL.to_vec());
        let layers: Vec<RecipeStep> = RecipeStep::ALL.into_iter().filter(|step| !step.is_format()).collect();
        let any_layer = prop_oneof![9 => proptest::sample::select(layers), 1 => (0..30_u32).prop_map(RecipeStep::Skip)];
        let steps = (proptest::collection::vec(any_layer, 0..MAX_STEPS), any_step);
        prop_oneof![
            1 => Just(Recipe::Detected),
            9 => steps.prop_map(|(mut steps, last)| {
                steps.push(last);
                Recipe::Steps(steps)
            })
        ]
    }

    #[test]
    fn a_recipe_names_its_steps() {
        assert_eq!(Recipe::parse("gzip > msgpack"), Ok(Recipe::Steps(vec![RecipeStep::Gzip, RecipeStep::MessagePack])));
        assert_eq!(Recipe::parse(" KPL›Zstd›hex "), Ok(Recipe::Steps(vec![RecipeStep::Kpl, RecipeStep::Zstd, RecipeStep::Hex])));
        assert_eq!(Recipe::parse("Skip  5>json"), Ok(Recipe::Steps(vec![RecipeStep::Skip(5), RecipeStep::Json])));
        assert_eq!(Recipe::parse("detected"), Ok(Recipe::default()));
    }

    #[test]
    fn a_recipe_that_cannot_be_followed_says_why() {
        let error = |text: &str| Recipe::parse(text).map_err(|error| error.to_string()).unwrap_err();
        assert_eq!(
            error("gzip > brotli"),
            "\"brotli\" is not a step; known are kpl, envelope, gzip, zlib, zstd, base64, cloudwatch, glue, confluent, utf16, unquote, \
             skip N, json, text, msgpack, cbor, protobuf, delimited, hex, and detected alone"
        );
        for text in ["skip", "skip x", "skip -1", "skip 5000000000"] {
            assert_eq!(error(text), "skip needs the number of bytes to skip, such as: skip 5");
        }
        assert!(error("gzip 5").starts_with("\"gzip 5\" is not a step"));
        assert!(error("  ").starts_with("name a step; known are kpl"));
        assert!(error("gzip >").starts_with("\"\" is not a step"));
        assert_eq!(error("json > gzip"), "json shows the content, so no step can follow it");
        assert_eq!(error(&["gzip"; 9].join(">")), "at most 8 steps are possible");
    }

    proptest! {
        #[test]
        fn a_recipes_text_reads_as_the_same_recipe(recipe in any_recipe()) {
            prop_assert_eq!(Recipe::parse(&recipe.to_string()), Ok(recipe));
        }

        #[test]
        fn any_text_is_a_recipe_or_not(text: String) {
            if let Ok(recipe) = Recipe::parse(&text) {
                prop_assert_eq!(Recipe::parse(&recipe.to_string()), Ok(recipe));
            }
        }
    }
}
