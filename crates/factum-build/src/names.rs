//! Rust's names for Avro's.

use proc_macro2::Ident;
use quote::format_ident;

/// A type's name: as it stands if it reads like a Rust type, else in camel case.
pub(crate) fn type_name(avro: &str) -> String {
    if avro.starts_with(|c: char| c.is_ascii_uppercase()) && !avro.contains('_') {
        avro.to_owned()
    } else {
        camel_case(avro)
    }
}

pub(crate) fn type_ident(avro: &str) -> Ident {
    ident(type_name(avro))
}

/// The name of a symbol as a variant: `PAID_BACK` is `PaidBack`.
pub(crate) fn variant_name(symbol: &str) -> String {
    camel_case(symbol)
}

pub(crate) fn variant_ident(symbol: &str) -> Ident {
    ident(variant_name(symbol))
}

/// A field's name: `amountRequested` is `amount_requested`.
pub(crate) fn field_name(avro: &str) -> String {
    snake_case(avro)
}

pub(crate) fn field_ident(avro: &str) -> Ident {
    ident(field_name(avro))
}

/// A word that Rust keeps for itself gets `r#`, or `_` behind it where even that is not allowed.
pub(crate) fn ident(name: String) -> Ident {
    match name.as_str() {
        "self" | "Self" | "super" | "crate" | "_" => format_ident!("{name}_"),
        name => syn::parse_str(name)
            .unwrap_or_else(|_| Ident::new_raw(name, proc_macro2::Span::call_site())),
    }
}

/// `paid_back` is `PaidBack`.
pub(crate) fn camel_case(name: &str) -> String {
    let camel: String = name.split('_').map(capitalized).collect();
    if camel.starts_with(|c: char| c.is_ascii_alphabetic()) {
        camel
    } else {
        format!("_{camel}")
    }
}

/// `PAID` and `paid` are `Paid`; `paidBack` is `PaidBack`.
fn capitalized(word: &str) -> String {
    let shouts = !word.contains(|c: char| c.is_ascii_lowercase());
    let rest = word.get(1..).unwrap_or_default();
    let first = word.get(..1).unwrap_or_default().to_ascii_uppercase();
    if shouts {
        first + &rest.to_ascii_lowercase()
    } else {
        first + rest
    }
}

/// `paidBack` is `paid_back`, `XMLText` is `xml_text`, `PAID` is `paid`.
pub(crate) fn snake_case(name: &str) -> String {
    let chars: Vec<char> = name.chars().collect();
    let mut snake = String::new();
    for (index, &c) in chars.iter().enumerate() {
        let before = index.checked_sub(1).map(|i| chars[i]);
        let after = chars.get(index + 1);
        let starts_word = before.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
            || before.is_some_and(|b| b.is_ascii_uppercase())
                && after.is_some_and(char::is_ascii_lowercase);
        if c.is_ascii_uppercase() && starts_word {
            snake.push('_');
        }
        snake.push(c.to_ascii_lowercase());
    }
    snake
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_like_rust() {
        assert_eq!(type_name("Submitted"), "Submitted");
        assert_eq!(type_name("IBAN"), "IBAN");
        assert_eq!(type_name("loan_offer"), "LoanOffer");
        assert_eq!(variant_name("PAID_BACK"), "PaidBack");
        assert_eq!(variant_name("paidBack"), "PaidBack");
        assert_eq!(variant_name("_1"), "_1");
        assert_eq!(field_name("amountRequested"), "amount_requested");
        assert_eq!(field_name("XMLText"), "xml_text");
        assert_eq!(field_name("already_snake_2"), "already_snake_2");
        assert_eq!(field_name("PAID"), "paid");
    }

    #[test]
    fn keywords_are_usable() {
        assert_eq!(field_ident("type").to_string(), "r#type");
        assert_eq!(field_ident("self").to_string(), "self_");
        assert_eq!(variant_ident("SELF").to_string(), "Self_");
    }
}
