//! Which characters show. What is written for others must say something that they see, and what a stranger wrote must not
//! rearrange what stands around it.

/// Whether a text shows nothing: it is blanks, and characters that have no shape of their own.
pub fn is_blank(text: &str) -> bool {
    text.chars().all(|symbol| symbol.is_whitespace() || symbol.is_control() || is_shapeless(symbol))
}

/// Whether a character turns the direction of what stands around it (Unicode TR 36, 3.3).
pub const fn turns_text(symbol: char) -> bool {
    matches!(symbol, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

const fn is_shapeless(symbol: char) -> bool {
    matches!(
        symbol,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}'
    )
}

#[cfg(test)]
mod tests;
