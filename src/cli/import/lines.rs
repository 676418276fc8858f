//! Lines of a file that nobody has looked at: bounded, whatever stands in them.

use std::io::{self, BufRead};

use super::person::Wrong;

/// No person needs more; a file without line breaks must not fill the memory.
pub const LONGEST: usize = 64 << 10;

pub struct Lines<R> {
    from: R,
    pub number: u64,
}

impl<R: BufRead> Lines<R> {
    pub fn of(from: R) -> Self {
        Self { from, number: 0 }
    }

    /// The next line that is not blank, or what is wrong with it. None at the end.
    pub fn next(&mut self) -> io::Result<Option<Result<String, Wrong>>> {
        loop {
            let Some((bytes, whole)) = self.read()? else { return Ok(None) };
            self.number += 1;
            if !whole {
                return Ok(Some(Err(Wrong::new("import.line.tooLong", "is longer than 64 KiB"))));
            }
            match checked(bytes, self.number == 1) {
                Ok(line) if line.trim().is_empty() => {}
                line => return Ok(Some(line)),
            }
        }
    }

    /// Its bytes without the line break, as many as are kept, and whether these are all.
    fn read(&mut self) -> io::Result<Option<(Vec<u8>, bool)>> {
        let (mut kept, mut length, mut any) = (Vec::new(), 0, false);
        loop {
            let there = match self.from.fill_buf() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                there => there?,
            };
            if there.is_empty() {
                return Ok(any.then_some((kept, length <= LONGEST)));
            }
            any = true;
            let end = there.iter().position(|byte| *byte == b'\n');
            let piece = there.get(..end.unwrap_or(there.len())).unwrap_or_default();
            kept.extend(piece.iter().take(LONGEST - kept.len().min(LONGEST)));
            length += piece.len();
            let read = piece.len() + usize::from(end.is_some());
            self.from.consume(read);
            if end.is_some() {
                return Ok(Some((kept, length <= LONGEST)));
            }
        }
    }
}

fn checked(bytes: Vec<u8>, is_first: bool) -> Result<String, Wrong> {
    let text = String::from_utf8(bytes).map_err(|_| Wrong::new("import.line.encoding", "is not UTF-8"))?;
    if text.contains('\0') {
        return Err(Wrong::new("import.line.nul", "holds a NUL, which no database stores"));
    }
    // Spreadsheets write a byte order mark.
    let text = if is_first { text.strip_prefix('\u{feff}').unwrap_or(&text) } else { &text };
    Ok(text.strip_suffix('\r').unwrap_or(text).to_owned())
}

/// The fields of a line of CSV (RFC 4180), which here ends with its line.
pub fn fields(line: &str) -> Result<Vec<String>, Wrong> {
    let (mut fields, mut rest) = (Vec::new(), line);
    loop {
        let (field, after) = match rest.strip_prefix('"') {
            Some(quoted) => unquote(quoted)?,
            None => {
                let end = rest.find(',').unwrap_or(rest.len());
                let (plain, after) = rest.split_at(end);
                (plain.to_owned(), after)
            }
        };
        fields.push(field);
        match after.strip_prefix(',') {
            Some(more) => rest = more,
            None if after.is_empty() => return Ok(fields),
            None => {
                return Err(Wrong::new("import.line.quote", "goes on after a closing quote"));
            }
        }
    }
}

fn unquote(quoted: &str) -> Result<(String, &str), Wrong> {
    let (mut field, mut rest) = (String::new(), quoted);
    loop {
        let open = || Wrong::new("import.line.quote", "has a quote that is not closed on its line");
        let (before, after) = rest.split_once('"').ok_or_else(open)?;
        field.push_str(before);
        match after.strip_prefix('"') {
            Some(more) => {
                field.push('"');
                rest = more;
            }
            None => return Ok((field, after)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(bytes: &[u8]) -> Vec<(u64, Result<String, &'static str>)> {
        let mut lines = Lines::of(io::BufReader::with_capacity(7, bytes));
        let mut all = Vec::new();
        while let Some(line) = lines.next().unwrap() {
            all.push((lines.number, line.map_err(|wrong| wrong.key)));
        }
        all
    }

    #[test]
    fn a_bad_line_is_named_and_the_next_is_read() {
        let long = "x".repeat(LONGEST + 1);

        let read = all(format!("\u{feff}a\r\n\n{long}\nb\0\nc").as_bytes());

        let wanted = [
            (1, Ok("a".to_owned())),
            (3, Err("import.line.tooLong")),
            (4, Err("import.line.nul")),
            (5, Ok("c".to_owned())),
        ];
        assert_eq!(read, wanted);
        assert_eq!(all(b"\xff\xfe\nb"), [(1, Err("import.line.encoding")), (2, Ok("b".to_owned()))]);
        assert_eq!(all("x".repeat(LONGEST).as_bytes()).len(), 1);
    }

    #[test]
    fn a_line_of_csv_is_taken_apart_as_its_rfc_says() {
        assert_eq!(fields("a,,\"b, \"\"c\"\"\",\"\"").unwrap(), ["a", "", "b, \"c\"", ""]);
        assert_eq!(fields("").unwrap(), [""]);
        for broken in ["\"a", "\"a\"b,c", "a,\"b\"\"", "\"\"\""] {
            assert_eq!(fields(broken).unwrap_err().key, "import.line.quote", "{broken}");
        }
    }
}
