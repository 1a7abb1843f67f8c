//! A style as people write it: `bold #ff8700 on 237`.

use ratatui::style::{Color, Modifier, Style};

const WEIGHTS: [(&str, Modifier); 5] = [
    ("bold", Modifier::BOLD),
    ("dim", Modifier::DIM),
    ("italic", Modifier::ITALIC),
    ("underlined", Modifier::UNDERLINED),
    ("reversed", Modifier::REVERSED),
];

/// Reads a style: weights, a colour, and `on` with the colour of the background, each at most once.
///
/// # Errors
/// Names the word that is not understood.
pub fn style(text: &str) -> Result<Style, String> {
    let mut style = Style::new();
    let mut is_background = false;
    for word in text.split_whitespace() {
        let weight = WEIGHTS.iter().find(|(name, _)| *name == word).map(|(_, weight)| *weight);
        match weight {
            _ if is_background => {
                style = style.bg(colour(word)?);
                is_background = false;
            }
            Some(weight) => style = style.add_modifier(weight),
            None if word == "on" && style.bg.is_none() => is_background = true,
            None if style.fg.is_none() => style = style.fg(colour(word)?),
            None => return Err(format!("\"{text}\" has more than one colour for the same thing")),
        }
    }
    if is_background {
        return Err(format!("\"{text}\" ends with \"on\"; a colour follows it, as in \"on 237\""));
    }
    Ok(style)
}

fn colour(word: &str) -> Result<Color, String> {
    word.parse().map_err(|_| {
        format!("\"{word}\" is not a colour; write a name such as red or light-blue, a number from 0 to 255, or #ff8700")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn styles_are_written_as_people_say_them() {
        let orange = Color::Rgb(0xff, 0x87, 0);
        assert_eq!(style("bold #ff8700 on 237"), Ok(Style::new().fg(orange).bg(Color::Indexed(237)).add_modifier(Modifier::BOLD)));
        assert_eq!(style("on light-blue"), Ok(Style::new().bg(Color::LightBlue)));
        assert_eq!(style(""), Ok(Style::new()));
        for (text, named) in
            [("pinkish", "pinkish"), ("red blue", "more than one"), ("on", "ends with"), ("on bold", "bold"), ("256", "256")]
        {
            let mistake = style(text);
            assert!(mistake.as_ref().is_err_and(|mistake| mistake.contains(named)), "{text}: {mistake:?}");
        }
    }

    proptest! {
        #[test]
        fn no_text_is_misread(text in "(bold|dim|on|red|#[0-9a-f]{6}|[0-9]{1,3}|x| ){0,6}") {
            if let Ok(style) = style(&text) {
                prop_assert_eq!(style.fg.is_some() || style.bg.is_some() || !style.add_modifier.is_empty(), !text.trim().is_empty());
            }
        }
    }
}
