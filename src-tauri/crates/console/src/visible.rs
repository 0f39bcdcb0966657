//! Hostile text made harmless to the eye: control and direction characters are shown, not obeyed.

/// `text` with every control, direction and invisible format character written as `\u{…}`, cut after `most` characters.
///
/// What came in a callback is signed by WeChat Pay but written by whoever paid; it must not be able to reorder, hide
/// or overwrite what stands beside it on a screen or in a terminal.
pub fn visible(text: &str, most: usize) -> String {
    let mut shown = String::with_capacity(text.len().min(most.saturating_mul(4)));
    for (count, character) in text.chars().enumerate() {
        if count == most {
            shown.push('…');
            break;
        }
        if is_hidden(character) {
            shown.push_str(&format!("\\u{{{:04X}}}", u32::from(character)));
        } else {
            shown.push(character);
        }
    }
    shown
}

fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{00AD}'
            | '\u{061C}'
            | '\u{115F}'..='\u{1160}'
            | '\u{180B}'..='\u{180E}'
            | '\u{200B}'..='\u{200F}'
            | '\u{2028}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}'
            | '\u{3164}'
            | '\u{FE00}'..='\u{FE0F}'
            | '\u{FEFF}'
            | '\u{FFA0}'
            | '\u{FFF9}'..='\u{FFFB}'
            | '\u{E0000}'..='\u{E0FFF}')
}

#[cfg(test)]
mod tests {
    use super::visible;

    #[test]
    fn what_hides_is_shown() {
        for (text, shown) in [
            ("火锅 A-1", "火锅 A-1"),
            ("a\u{202E}b", "a\\u{202E}b"),
            ("a\nb\u{1b}[2J", "a\\u{000A}b\\u{001B}[2J"),
            ("x\u{2066}y\u{2069}", "x\\u{2066}y\\u{2069}"),
            ("zero\u{200B}width", "zero\\u{200B}width"),
            ("c1\u{9b}2J", "c1\\u{009B}2J"),
            ("👨", "👨"),
        ] {
            assert_eq!(visible(text, 100), shown);
        }
        assert_eq!(visible("abcdef", 3), "abc…");
    }
}
