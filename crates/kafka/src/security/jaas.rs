//! The value of `sasl.jaas.config`: a login module, a flag, and options, as Java's JAAS files write them.
//!
//! ```text
//! org.apache.kafka.common.security.scram.ScramLoginModule required username="alice" password="alice-\"secret\"";
//! ```

use std::collections::BTreeMap;

/// A parsed line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Jaas {
    /// The class without its package.
    pub(super) module: String,
    pub(super) options: BTreeMap<String, String>,
}

impl Jaas {
    /// The error says what is wrong, without a secret in it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut tokens = tokens(text)?.into_iter();
        let class = tokens.next().filter(|token| *token != Token::End);
        let Some(Token::Word(class)) = class else { return Err("it names no login module".to_owned()) };
        match tokens.next() {
            Some(Token::Word(flag)) if ["required", "requisite", "sufficient", "optional"].contains(&&*flag) => {}
            _ => return Err("a control flag such as 'required' must follow the login module".to_owned()),
        }
        let mut options = BTreeMap::new();
        loop {
            match tokens.next() {
                Some(Token::Word(name)) => match (tokens.next(), tokens.next()) {
                    (Some(Token::Equals), Some(Token::Word(value))) => drop(options.insert(name, value)),
                    _ => return Err(format!("option '{name}' has no value")),
                },
                Some(Token::End) => break,
                Some(Token::Equals) => return Err("a value has no option before it".to_owned()),
                None => return Err("it does not end with ';'".to_owned()),
            }
        }
        if tokens.next().is_some() {
            return Err("it has more than one login module".to_owned());
        }
        let module = class.rsplit('.').next().unwrap_or(&class).to_owned();
        Ok(Self { module, options })
    }

    /// An option that must be there.
    pub(super) fn required(&self, name: &str) -> Result<String, String> {
        self.options.get(name).cloned().ok_or_else(|| format!("{} needs the option '{name}'", self.module))
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Token {
    Word(String),
    Equals,
    End,
}

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            ' ' | '\t' | '\r' | '\n' => {}
            '=' => tokens.push(Token::Equals),
            ';' => tokens.push(Token::End),
            '"' | '\'' => {
                let mut word = String::new();
                loop {
                    match letters.next() {
                        Some('\\') => word.push(letters.next().ok_or("a quoted text is not closed")?),
                        Some(other) if other == letter => break,
                        Some(other) => word.push(other),
                        None => return Err("a quoted text is not closed".to_owned()),
                    }
                }
                tokens.push(Token::Word(word));
            }
            _ => {
                let mut word = letter.to_string();
                while let Some(next) = letters.next_if(|next| !next.is_whitespace() && !"=;\"'".contains(*next)) {
                    word.push(next);
                }
                tokens.push(Token::Word(word));
            }
        }
    }
    Ok(tokens)
}

#[cfg(test)]
mod tests;
