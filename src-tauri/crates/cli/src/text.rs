//! The language of what people read: which one, and how a text in both is said. No texts of any command live here.

use guitai_console::wire::Bilingual;

/// A language that the command speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// Simplified Chinese.
    Zh,
    /// English.
    En,
}

impl Language {
    /// `GUITAI_LANG`, else `LC_ALL`, `LC_MESSAGES`, `LANG`, the first that is set; Chinese where it begins with `zh`.
    pub fn of_environment() -> Self {
        Self::chosen(|name| std::env::var(name).ok())
    }

    fn chosen(variable: impl Fn(&str) -> Option<String>) -> Self {
        let set = ["GUITAI_LANG", "LC_ALL", "LC_MESSAGES", "LANG"]
            .into_iter()
            .filter_map(variable)
            .find(|value| !value.is_empty());
        match set {
            Some(value) if value.to_ascii_lowercase().starts_with("zh") => Language::Zh,
            _ => Language::En,
        }
    }

    /// The one of the two texts that is in this language.
    pub fn pick<'a>(self, zh: &'a str, en: &'a str) -> &'a str {
        match self {
            Language::Zh => zh,
            Language::En => en,
        }
    }

    /// `text` in this language.
    pub fn say(self, text: &Bilingual) -> &str {
        self.pick(&text.zh, &text.en)
    }
}

/// A text in both languages.
pub fn both(zh: impl Into<String>, en: impl Into<String>) -> Bilingual {
    Bilingual { zh: zh.into(), en: en.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_variable_that_is_set_decides() {
        let cases: [(&[(&str, &str)], Language); 7] = [
            (&[], Language::En),
            (&[("LANG", "zh_CN.UTF-8")], Language::Zh),
            (&[("LANG", "C.UTF-8")], Language::En),
            (&[("LC_ALL", "en_US.UTF-8"), ("LANG", "zh_CN.UTF-8")], Language::En),
            (&[("LC_ALL", ""), ("LANG", "zh_TW")], Language::Zh),
            (&[("GUITAI_LANG", "ZH"), ("LC_ALL", "C")], Language::Zh),
            (&[("GUITAI_LANG", "en"), ("LANG", "zh_CN.UTF-8")], Language::En),
        ];
        for (set, expected) in cases {
            let variable = |name: &str| set.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
            assert_eq!(Language::chosen(variable), expected, "{set:?}");
        }
    }
}
