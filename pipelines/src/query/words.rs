//! What a query's text says about which columns and tables it needs, before anything is planned.
//!
//! The columns of `runs` depend on what every pipeline file says, and reading ten thousand of those takes longer than most queries. So the
//! text is looked at first: settings have dots in their names and stand in double quotes.

use super::runs_table::Wanted;
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};

/// The settings that the query `sql` may ask for. Text that is not SQL asks for none; planning it says what is wrong.
pub(super) fn wanted(sql: &str) -> Wanted {
    let Ok(tokens) = Tokenizer::new(&GenericDialect {}, sql).tokenize() else {
        return Wanted::None;
    };
    let tokens: Vec<&Token> = tokens.iter().filter(|t| !matches!(t, Token::Whitespace(_))).collect();
    let word = |token: &&Token| match token {
        Token::Word(word) => Some(word.value.to_lowercase()),
        _ => None,
    };
    let words: Vec<String> = tokens.iter().filter_map(word).collect();
    let mentions = |name: &str| words.iter().any(|word| word == name);
    if mentions("information_schema") || mentions("columns") {
        return Wanted::All;
    }
    if !mentions("runs") {
        return Wanted::None;
    }
    let describes =
        matches!(tokens.first(), Some(Token::Word(w)) if matches!(w.keyword, Keyword::DESCRIBE | Keyword::DESC));
    let everything = tokens
        .windows(2)
        .any(|pair| pair[1] == &Token::Mul && opens_a_wildcard(pair[0]));
    if describes || everything {
        return Wanted::All;
    }
    let keys = tokens.iter().filter_map(|token| match token {
        Token::Word(word) if word.quote_style.is_some() => Some(word.value.clone()),
        _ => None,
    });
    match keys.collect::<Vec<_>>() {
        keys if keys.is_empty() => Wanted::None,
        keys => Wanted::Keys(keys),
    }
}

/// After this token `*` means all columns, and not a product or `count(*)`.
fn opens_a_wildcard(before: &Token) -> bool {
    match before {
        Token::Comma | Token::Period => true,
        Token::Word(word) => matches!(word.keyword, Keyword::SELECT | Keyword::DISTINCT | Keyword::ALL),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::{Wanted, wanted};

    fn check(sql: &str, expected: &Wanted) {
        assert_eq!(wanted(sql), *expected, "{sql}");
    }

    #[test]
    fn settings_are_read_only_where_the_query_asks_for_them() {
        check("SELECT count(*) FROM runs", &Wanted::None);
        check("SELECT run, tick * 2 FROM runs", &Wanted::None);
        check("SELECT * FROM metrics WHERE run LIKE 'a%'", &Wanted::None);
        check("SELECT * FROM runs", &Wanted::All);
        check("SELECT r.* FROM runs r", &Wanted::All);
        check("SELECT run, * FROM RUNS", &Wanted::All);
        check("DESCRIBE runs", &Wanted::All);
        check("SELECT * FROM information_schema.columns", &Wanted::All);
        let keys = Wanted::Keys(vec!["agent.cart.learner.ppo.entropy".into()]);
        check("SELECT r.\"agent.cart.learner.ppo.entropy\" FROM runs r", &keys);
        check("SELECT 'unfinished FROM runs", &Wanted::None);
    }
}
