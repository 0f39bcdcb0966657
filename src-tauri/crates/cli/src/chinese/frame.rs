//! What clap says by itself, in Chinese: headings, defaults, and what is wrong with the arguments. Worked on the finished
//! text, since clap has no words to exchange.

/// English, Chinese; longer ones before those that they begin with.
#[rustfmt::skip]
const PHRASES: &[(&str, &str)] = &[
    ("Print this message or the help of the given subcommand(s)", "显示本说明，或某个命令的说明"),
    ("Print help (see more with '--help')", "显示说明（--help 更详细）"),
    ("Print help (see a summary with '-h')", "显示说明（-h 为摘要）"),
    ("Print help", "显示说明"),
    ("Print version", "显示版本"),
    ("\nOptions:\n", "\n选项:\n"),
    ("\nArguments:\n", "\n参数:\n"),
    ("\nExample:\n", "\n示例:\n"),
    ("Possible values:", "可选值:"),
    ("[possible values: ", "[可选值: "),
    ("[default: ", "[默认: "),
    ("[OPTIONS]", "[选项]"),
    ("<COMMAND>", "<命令>"),
    ("Usage: ", "用法："),
    ("For more information, try '--help'.", "更多说明：--help"),
    ("error: the following required arguments were not provided:", "错误：缺少这些参数："),
    ("a similar argument exists: ", "相近的参数："),
    ("some similar arguments exist: ", "相近的参数："),
    ("a similar subcommand exists: ", "相近的命令："),
    ("some similar subcommands exist: ", "相近的命令："),
    ("a similar value exists: ", "相近的值："),
    ("some similar values exist: ", "相近的值："),
    ("\n  tip: ", "\n  提示："),
];

/// What stands before, between and after the names in a mistake, and how it is said.
const MISTAKES: &[(&[&str], &str)] = &[
    (&["error: unexpected argument '", "' found"], "错误：不认识参数 {}"),
    (&["error: unrecognized subcommand '", "'"], "错误：没有命令 {}"),
    (&["error: invalid value '", "' for '", "'"], "错误：值“{}”不能用于 {}"),
    (&["error: a value is required for '", "' but none was supplied"], "错误：{} 需要一个值"),
    (&["error: the argument '", "' cannot be used multiple times"], "错误：{} 只能给一次"),
    (&["error: the argument '", "' cannot be used with '", "'"], "错误：{} 不能与 {} 同用"),
    (&["error: the argument '", "' cannot be used with:"], "错误：{} 不能与这些同用："),
    (&["error: '", "' requires a subcommand but one was not provided"], "错误：{} 后面需要一个命令"),
];

/// A help or a mistake, as clap wrote it, in Chinese. `sentence` knows what stands behind a possible value.
pub fn said(english: &str, sentence: impl Fn(&str) -> Option<&'static str>) -> String {
    let mut text: String = english.split_inclusive('\n').map(|line| value(&mistake(line), &sentence)).collect();
    for (phrase, chinese) in PHRASES {
        text = text.replace(phrase, chinese);
    }
    text
}

/// `error: unexpected argument '--foo' found`; other lines stay.
fn mistake(line: &str) -> String {
    for (parts, chinese) in MISTAKES {
        if let Some((names, rest)) = taken_apart(line, parts) {
            return names.iter().fold((*chinese).to_owned(), |text, name| text.replacen("{}", name, 1)) + rest;
        }
    }
    line.to_owned()
}

/// The names between the parts, and what follows the last of them.
fn taken_apart<'a>(line: &'a str, parts: &[&str]) -> Option<(Vec<&'a str>, &'a str)> {
    let (first, others) = parts.split_first()?;
    let mut rest = line.strip_prefix(first)?;
    let mut names = Vec::new();
    for part in others {
        let (name, after) = rest.split_once(part)?;
        names.push(name);
        rest = after;
    }
    Some((names, rest))
}

/// `          - jsapi:  Official account or mini-program`; other lines stay.
fn value(line: &str, sentence: impl Fn(&str) -> Option<&'static str>) -> String {
    let told = line.trim_start().strip_prefix("- ").and_then(|it| it.split_once(':')).map(|(_, told)| told.trim());
    match told.and_then(|told| sentence(told).map(|chinese| (told, chinese))) {
        Some((told, chinese)) => line.replacen(told, chinese, 1),
        None => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_are_said_in_chinese_with_their_names() {
        for (english, chinese) in [
            ("error: unexpected argument '--foo' found\n", "错误：不认识参数 --foo\n"),
            (
                "error: invalid value 'x' for '--via <VIA>'\n  [possible values: h5]\n",
                "错误：值“x”不能用于 --via <VIA>\n  [可选值: h5]\n",
            ),
            (
                "error: invalid value '0' for '--port <N>': 0 is not in 1..9\n",
                "错误：值“0”不能用于 --port <N>: 0 is not in 1..9\n",
            ),
            (
                "error: the argument '--a' cannot be used with '--b'\n\nUsage: guitai\n",
                "错误：--a 不能与 --b 同用\n\n用法：guitai\n",
            ),
            ("          - jsapi:  In WeChat\n", "          - jsapi:  微信内\n"),
        ] {
            let sentence = |told: &str| (told == "In WeChat").then_some("微信内");
            assert_eq!(said(english, sentence), chinese);
        }
    }
}
