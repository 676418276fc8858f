//! What a tenant looks like: its name and one colour, from which readable ones are worked out.

use serde::{Serialize, Serializer};

use super::line::Line;

/// Exactly `#rrggbb`: the value reaches style sheets and mails, so nothing else ever does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Colour(u8, u8, u8);

const WHITE: Colour = Colour(255, 255, 255);
const INK: Colour = Colour(0x17, 0x19, 0x1d);
/// The darkest light and the lightest dark ground that the accent is read against.
const PAPER: Colour = Colour(0xf5, 0xf3, 0xef);
const NIGHT: Colour = Colour(0x20, 0x24, 0x2b);
/// WCAG AA for text.
const READABLE: f32 = 4.5;

impl Colour {
    pub const HOUSE: Self = Self(0x1f, 0x5c, 0x4d);

    pub fn parse(text: &str) -> Option<Self> {
        let digits =
            text.strip_prefix('#').filter(|d| d.len() == 6 && d.bytes().all(|b| b.is_ascii_hexdigit()))?;
        let pair = |at: usize| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok();
        Some(Self(pair(0)?, pair(2)?, pair(4)?))
    }

    /// WCAG 2 contrast ratio, 1 to 21.
    pub fn contrast(self, other: Self) -> f32 {
        let (a, b) = (self.luminance(), other.luminance());
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    fn luminance(self) -> f32 {
        let linear = |channel: u8| {
            let share = f32::from(channel) / 255.0;
            if share <= 0.040_45 { share / 12.92 } else { ((share + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * linear(self.0) + 0.7152 * linear(self.1) + 0.0722 * linear(self.2)
    }

    fn towards(self, other: Self, percent: u32) -> Self {
        let mix = |a: u8, b: u8| {
            let sum = u32::from(a) * (100 - percent) + u32::from(b) * percent;
            u8::try_from(sum / 100).unwrap_or(u8::MAX)
        };
        Self(mix(self.0, other.0), mix(self.1, other.1), mix(self.2, other.2))
    }

    /// This colour, moved towards `end` only as far as it must to be read on `ground`.
    fn readable_on(self, ground: Self, end: Self) -> Self {
        (0..=100)
            .step_by(4)
            .map(|percent| self.towards(end, percent))
            .find(|colour| colour.contrast(ground) >= READABLE)
            .unwrap_or(end)
    }

    fn text_upon(self) -> Self {
        if self.contrast(WHITE) >= READABLE { WHITE } else { INK }
    }
}

impl std::fmt::Display for Colour {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "#{:02x}{:02x}{:02x}", self.0, self.1, self.2)
    }
}

impl Serialize for Colour {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[derive(Debug, Clone, Serialize)]
pub struct Brand {
    pub name: Line,
    pub initial: String,
    pub accent: Colour,
    pub on_accent: Colour,
    pub night_accent: Colour,
    pub on_night_accent: Colour,
}

impl Brand {
    pub fn new(name: &str, colour: Colour) -> Self {
        let name = Line::new(name);
        let accent = colour.readable_on(PAPER, INK);
        let night_accent = colour.readable_on(NIGHT, WHITE);
        Self {
            initial: name
                .as_str()
                .chars()
                .find(|c| c.is_alphanumeric())
                .unwrap_or('·')
                .to_uppercase()
                .collect(),
            name,
            accent,
            on_accent: accent.text_upon(),
            night_accent,
            on_night_accent: night_accent.text_upon(),
        }
    }

    /// For a page that belongs to no tenant.
    pub fn house() -> Self {
        Self::new("Doorward", Colour::HOUSE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_colour_is_six_hex_digits_and_nothing_else() {
        assert_eq!(Colour::parse("#1F5c4d"), Some(Colour::HOUSE));
        for hostile in ["red", "#fff", "#1f5c4d;}", "#+f5c4d", "url(x)", "#1f5c4é", "#١٢٣"] {
            assert_eq!(Colour::parse(hostile), None, "{hostile}");
        }
    }

    #[test]
    fn any_colour_becomes_one_that_can_be_read_by_day_and_by_night() {
        for hex in ["#ffff00", "#000000", "#ffffff", "#808080", "#ff00aa", "#00e5ff", "#2b2bff"] {
            let brand = Brand::new("x", Colour::parse(hex).unwrap());

            assert!(brand.accent.contrast(PAPER) >= READABLE, "{hex} by day");
            assert!(brand.accent.contrast(brand.on_accent) >= READABLE, "{hex} text by day");
            assert!(brand.night_accent.contrast(NIGHT) >= READABLE, "{hex} by night");
            assert!(brand.night_accent.contrast(brand.on_night_accent) >= READABLE, "{hex} text by night");
        }
    }

    #[test]
    fn a_colour_that_can_be_read_is_left_as_it_is() {
        assert_eq!(Brand::new("x", Colour::HOUSE).accent, Colour::HOUSE);
    }
}
