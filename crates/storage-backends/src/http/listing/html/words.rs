//! Reads what stands beside a link in a listing: dates, sizes, modes. By form alone, whatever the language.

/// What the text beside a link says. Cells are separated by [`CELL`].
#[expect(clippy::struct_excessive_bools, reason = "each is one thing that was seen")]
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Beside {
    /// Whether it has a date or a time.
    pub(super) has_date: bool,
    /// Whether it has a size, exact or not, or a dash in its place.
    pub(super) has_size: bool,
    /// The size in bytes, if it is a plain number without a unit.
    pub(super) exact: Option<u64>,
    /// Whether a dash stands in place of a size or a date.
    pub(super) has_dash: bool,
    /// The first letter of a file mode such as `drwxr-xr-x`.
    pub(super) mode: Option<u8>,
    /// Whether it has a mark such as `<dir>`.
    pub(super) has_directory_mark: bool,
    /// Whether it has an arrow, as links to other files have.
    pub(super) has_arrow: bool,
}

/// Separates the cells of a row.
pub(super) const CELL: char = '\u{1f}';

/// What one word is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Word {
    Time,
    Date,
    /// A plain number, and how many digits it has.
    Number(u64, usize),
    /// A number that is rounded, or has a unit.
    Rounded,
    Unit,
    Letters,
    Dash,
    Mode(u8),
    DirectoryMark,
    Arrow,
    /// The border of two cells.
    Border,
    Other,
}

impl Beside {
    /// Reads a row's text.
    pub(super) fn of(text: &str) -> Self {
        let mut words = words(text);
        mark_dates(&mut words);
        let mut found = Self::default();
        let (mut numbers, mut is_rounded) = (Vec::new(), false);
        for (at, word) in words.iter().enumerate() {
            match *word {
                Word::Time | Word::Date => found.has_date = true,
                Word::Number(number, _) => {
                    is_rounded |= has_unit(&words[at + 1..]);
                    numbers.push(number);
                }
                Word::Rounded => is_rounded = true,
                Word::Dash => found.has_dash = true,
                Word::Mode(kind) => found.mode = Some(kind),
                Word::DirectoryMark => found.has_directory_mark = true,
                Word::Arrow => found.has_arrow = true,
                Word::Unit | Word::Letters | Word::Border | Word::Other => {}
            }
        }
        found.has_size = is_rounded || !numbers.is_empty() || found.has_dash || found.has_directory_mark;
        if let [number] = numbers.as_slice()
            && !is_rounded
        {
            found.exact = Some(*number);
        }
        found
    }

    /// Returns whether it says anything that a listing says.
    pub(super) fn is_data(&self) -> bool {
        self.has_date || self.has_size || self.mode.is_some()
    }
}

/// Returns whether a text has a unit above the byte, as the head of a column of sizes may have.
pub(super) fn names_a_unit(text: &str) -> bool {
    let letters = |c: char| !c.is_alphabetic();
    text.split(letters)
        .any(|word| word.len() > 1 && is_unit(word) && !is_bytes(word))
}

fn words(text: &str) -> Vec<Word> {
    let mut words = Vec::new();
    for cell in text.split(CELL) {
        words.push(Word::Border);
        match number(cell.trim()) {
            Some(found) => words.push(found),
            None => words.extend(cell.split_ascii_whitespace().flat_map(parts)),
        }
    }
    words
}

/// Takes a word apart at spaces that do not break, unless they separate the digits of a number.
fn parts(word: &str) -> Vec<Word> {
    let word = word.trim();
    match number(word) {
        Some(found) => vec![found],
        None => word.split_whitespace().map(of_word).collect(),
    }
}

fn of_word(word: &str) -> Word {
    let bare = word.trim_matches(['(', ')', '[', ']', ',', ';']);
    let has_digit = bare.contains(|c: char| c.is_ascii_digit());
    match bare {
        "" => Word::Other,
        "-" | "–" | "—" | "--" | "---" => Word::Dash,
        "->" | "→" | "⇒" | "=>" => Word::Arrow,
        _ if is_mode(bare) => Word::Mode(bare.as_bytes()[0]),
        _ if bare.starts_with('<') && bare.ends_with('>') => Word::DirectoryMark,
        _ if has_digit => of_digits(bare),
        _ if is_unit(bare.trim_end_matches('.')) => Word::Unit,
        _ if bare.contains(char::is_alphabetic) => Word::Letters,
        _ => Word::Other,
    }
}

fn of_digits(word: &str) -> Word {
    if is_time(word) {
        return Word::Time;
    }
    if let Some(number) = number(word) {
        return number;
    }
    if is_date(word) {
        return Word::Date;
    }
    let digits = word.trim_end_matches(|c: char| c.is_alphabetic());
    let unit = &word[digits.len()..];
    if !digits.is_empty()
        && digits
            .bytes()
            .all(|b| matches!(b, b'0'..=b'9' | b'.' | b',' | b'\''))
    {
        // `22. 11. 2026`, and `2026. 11. 22.`
        return match digits.strip_suffix('.').and_then(number) {
            Some(Word::Number(_, 1..=2)) if unit.is_empty() => Word::Other,
            Some(Word::Number(1970..=2099, _)) if unit.is_empty() => Word::Date,
            _ => Word::Rounded,
        };
    }
    Word::Other
}

/// Reads a whole number, with or without separators of thousands.
fn number(word: &str) -> Option<Word> {
    const SEPARATORS: [char; 6] = [',', '.', ' ', '\'', '’', '\u{a0}'];
    let word = word.replace('\u{202f}', "\u{a0}");
    let separator = word.chars().find(|c| !c.is_ascii_digit());
    let digits = match separator {
        None => word,
        Some(separator) => {
            let groups: Vec<&str> = word.split(separator).collect();
            let (first, others) = groups.split_first()?;
            let are_groups = (1..=3).contains(&first.len()) && others.iter().all(|group| group.len() == 3);
            // With one point it is a fraction more often.
            let is_fraction = separator == '.' && others.len() == 1;
            if !SEPARATORS.contains(&separator) || !are_groups || is_fraction {
                return None;
            }
            groups.concat()
        }
    };
    let is_plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    let number = is_plain.then(|| digits.parse().ok()).flatten()?;
    Some(Word::Number(number, digits.len()))
}

/// Marks the numbers and the letters that belong to a date: `Nov 22 2026`, `22. November 2026`, `7:43 PM`.
fn mark_dates(words: &mut [Word]) {
    let (mut has_day, mut has_year) = (false, false);
    for at in 0..words.len() {
        let before = |n: usize| at.checked_sub(n).map_or(Word::Border, |at| words[at]);
        let after = words.get(at + 1).copied().unwrap_or(Word::Border);
        let marked = match words[at] {
            // Behind a mode stands the number of links.
            Word::Number(..) if matches!(before(1), Word::Mode(_)) => Some(Word::Other),
            Word::Number(1..=31, 1..=2) => {
                let is_month = |word| word == Word::Letters;
                // In `6 Nov 22` the 6 is a size.
                let is_before_a_date =
                    is_month(after) && matches!(words.get(at + 2), Some(Word::Number(1..=31, 1..=2)));
                let is_day = !is_before_a_date && (is_month(before(1)) || is_month(after));
                is_day.then_some(Word::Other)
            }
            Word::Number(1970..=2099, 4) => {
                let is_dated = |word| matches!(word, Word::Letters | Word::Other | Word::Date);
                // `Nov 22 19:43:00 2026`
                let ends_a_date = before(1) == Word::Time && has_day && !has_year;
                (is_dated(before(1)) || is_dated(after) || ends_a_date).then_some(Word::Date)
            }
            // `AM`, `PM`, and time zones.
            Word::Letters | Word::Unit if before(1) == Word::Time => Some(Word::Date),
            _ => None,
        };
        let is_day = matches!(words[at], Word::Number(..)) && marked == Some(Word::Other);
        if let Some(marked) = marked {
            words[at] = marked;
        }
        has_day = (has_day || is_day) && words[at] != Word::Border;
        has_year = (has_year || words[at] == Word::Date) && words[at] != Word::Border;
        // The month beside a day is no unit of the number before it.
        if is_day && let Some(month @ Word::Letters) = words.get_mut(at.wrapping_sub(1)) {
            *month = Word::Other;
        }
    }
}

/// Returns whether the words behind a number make it a rounded one: any word in its cell, or a unit in the next.
fn has_unit(behind: &[Word]) -> bool {
    matches!(
        behind,
        [Word::Letters | Word::Unit, ..] | [Word::Border, Word::Unit, ..]
    )
}

fn is_mode(word: &str) -> bool {
    let letters = word.as_bytes();
    (10..=11).contains(&letters.len())
        && b"-dlbcps".contains(&letters[0])
        && letters[1..10].iter().all(|b| b"rwxsStT-".contains(b))
}

fn is_time(word: &str) -> bool {
    let Some((hours, rest)) = word.split_once(':') else {
        return false;
    };
    let digits = |text: &str| text.chars().take_while(char::is_ascii_digit).count();
    let before = hours.rsplit(|c: char| !c.is_ascii_digit()).next();
    // `10.0.0.1:8080` is the address of a server.
    before.is_some_and(|hours| (1..=2).contains(&hours.len())) && digits(rest) == 2 && !hours.contains('.')
}

/// Three parts, most of them numbers: `2026-11-22`, `22-Nov-2026`, `22.11.2026`, `11/22/26`, `2026年11月22日`.
fn is_date(word: &str) -> bool {
    let is_numeric = |part: &&str| part.bytes().all(|b| b.is_ascii_digit());
    for separator in ['-', '/', '.'] {
        let parts: Vec<&str> = word.split(separator).filter(|part| !part.is_empty()).collect();
        let numeric = parts.iter().filter(|part| is_numeric(part)).count();
        let fits = parts.iter().all(|part| match part.len() {
            1 | 2 | 4 => true,
            _ => !is_numeric(part) && part.chars().all(char::is_alphabetic),
        });
        // IIS pads days and months with spaces: ` 1/ 1/2026`.
        if fits
            && ((parts.len() == 3 && numeric >= 2)
                || (separator == '/' && numeric == parts.len() && word.contains('/')))
        {
            return true;
        }
    }
    let ideograph = |c: char| c.is_alphabetic() && !c.is_ascii();
    word.split(ideograph).filter(|part| !part.is_empty()).count() >= 2
        && word.starts_with(|c: char| c.is_ascii_digit())
}

fn is_bytes(word: &str) -> bool {
    let word = word.to_lowercase();
    matches!(
        word.as_str(),
        "b" | "byte"
            | "bytes"
            | "octet"
            | "octets"
            | "o"
            | "б"
            | "байт"
            | "字节"
            | "位元組"
            | "バイト"
            | "바이트"
    )
}

/// Returns whether a word is a unit of sizes: a prefix (k, M, Gi) with or without the byte's own letter.
fn is_unit(word: &str) -> bool {
    if is_bytes(word) {
        return true;
    }
    let word = word.to_lowercase();
    let mut letters = word.chars();
    let is_prefix = letters.next().is_some_and(|c| "kmgtpeкмгтп".contains(c));
    let rest = letters.as_str();
    let rest = rest.strip_prefix(['i', 'и']).unwrap_or(rest);
    is_prefix && (rest.is_empty() || matches!(rest, "b" | "o" | "б" | "byte" | "bytes"))
}

#[cfg(test)]
mod tests;
