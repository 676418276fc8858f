//! Passphrases that everybody knows: as examples of good ones, which they were until they were printed.

/// Letters alone, in lower case: however they are joined, spaced or capitalised. Sorted.
const PHRASES: &[&str] = &[
    "abandonallhopeyewhoenterhere",
    "aroseisaroseisarose",
    "correcthorsebatterystaple",
    "correcthorsestaplebattery",
    "donttreadonme",
    "icanhazcheeseburger",
    "iloveyoutothemoonandback",
    "inthebeginningwastheword",
    "itwasadarkandstormynight",
    "jackandjillwentupthehill",
    "letmeinletmeinletmein",
    "loremipsumdolorsitamet",
    "maryhadalittlelamb",
    "maytheforcebewithyou",
    "monkeymonkeymonkeymonkey",
    "mypasswordisverysecure",
    "nevergonnagiveyouup",
    "onceuponatime",
    "opensesameopensesame",
    "passwordsarehard",
    "purplemonkeydishwasher",
    "thequickbrownfox",
    "thequickbrownfoxjumpsoverthelazydog",
    "theresnoplacelikehome",
    "thisisapassword",
    "thisisaverylongpassword",
    "thisismypassword",
    "thisisnotapassword",
    "tobeornottobe",
    "tobeornottobethatisthequestion",
    "trustnobodytrustnoone",
    "twinkletwinklelittlestar",
    "wewillrockyou",
    "whatisyourpassword",
    "winteriscoming",
];

/// Whether a famous phrase is all the letters there are.
pub fn covers(plain: &str) -> bool {
    let letters = zeroize::Zeroizing::new(plain.chars().filter(|c| c.is_alphabetic()).collect::<String>());
    PHRASES.contains(&letters.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_famous_phrase_is_known_joined_spaced_or_numbered() {
        for text in
            ["correct horse battery staple", "correcthorsebatterystaple", "correct-horse-battery-staple 1!"]
        {
            assert!(covers(text), "{text}");
        }
    }

    #[test]
    fn words_of_a_famous_phrase_are_not_the_phrase() {
        assert!(!covers("correct lamp battery meadow"));
        assert!(!covers(""));
    }
}
