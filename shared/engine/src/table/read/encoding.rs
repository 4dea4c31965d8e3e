//! Bytes to text, or the reason why they are none.

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_16BE, UTF_16LE, WINDOWS_1252};

use crate::table::{TableError, TableErrorKind};

/// Above this share of control characters bytes are no text.
const CONTROLS: f64 = 0.005;

/// Decodes UTF-8, with or without its mark; UTF-16 with its mark; else windows-1252, the usual
/// encoding of old spreadsheets, when the bytes could be that.
pub(super) fn decode(bytes: &[u8]) -> Result<Cow<'_, str>, TableError> {
    if let Some((encoding, mark)) = Encoding::for_bom(bytes) {
        let body = &bytes[mark..];
        let text = if encoding == UTF_16LE || encoding == UTF_16BE {
            encoding.decode_without_bom_handling_and_without_replacement(body)
        } else {
            str::from_utf8(body).ok().map(Cow::Borrowed)
        };
        let text = text.ok_or_else(|| {
            broken(format!("the file is marked as {}, and has bytes that are not", encoding.name()))
        })?;
        return if is_text(text.as_bytes()) { Ok(text) } else { Err(not_text()) };
    }
    if !is_text(bytes) {
        return Err(not_text());
    }
    let error = match str::from_utf8(bytes) {
        Ok(text) => return Ok(Cow::Borrowed(text)),
        Err(error) => error,
    };
    // Accented letters hardly ever follow each other so as to be valid UTF-8 by chance: where most
    // of them do, the file is UTF-8 that was damaged, and another encoding would garble it all.
    let (mut valid, mut invalid) = (0_usize, 0_usize);
    for chunk in bytes.utf8_chunks() {
        valid += chunk.valid().chars().filter(|c| !c.is_ascii()).count();
        invalid += usize::from(!chunk.invalid().is_empty());
    }
    if valid > invalid {
        let line = bytes[..error.valid_up_to()].split(|&byte| byte == b'\n').count();
        return Err(broken(format!("the file is UTF-8 with broken bytes, first on line {line}")));
    }
    // Five bytes mean nothing in windows-1252.
    if bytes.iter().any(|byte| matches!(byte, 0x81 | 0x8D | 0x8F | 0x90 | 0x9D)) {
        return Err(broken("the file is neither UTF-8 nor windows-1252".to_owned()));
    }
    WINDOWS_1252
        .decode_without_bom_handling_and_without_replacement(bytes)
        .ok_or_else(|| broken("the file is neither UTF-8 nor windows-1252".to_owned()))
}

/// No zero byte, and hardly a control character other than white space.
fn is_text(bytes: &[u8]) -> bool {
    let mut controls = 0_usize;
    for &byte in bytes {
        match byte {
            0 => return false,
            // White space, and the end mark of old DOS files.
            b'\t' | b'\n' | b'\r' | 0x0B | 0x0C | 0x1A => {}
            ..0x20 | 0x7F => controls += 1,
            _ => {}
        }
    }
    controls as f64 <= CONTROLS * bytes.len() as f64
}

fn not_text() -> TableError {
    TableError::new(
        TableErrorKind::NotText,
        "the file is binary, and in no format that is known",
        "send CSV, JSON lines or Parquet, plain or in gzip",
    )
}

fn broken(detail: String) -> TableError {
    TableError::new(TableErrorKind::Encoding, detail, "save the file as UTF-8")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utf16(text: &str, unit: fn(u16) -> [u8; 2]) -> Vec<u8> {
        "\u{FEFF}".encode_utf16().chain(text.encode_utf16()).flat_map(unit).collect()
    }

    #[test]
    fn one_text_in_five_encodings() {
        let text = "name,größe\nZoë,\u{20AC}5\n";
        let files = [
            text.as_bytes().to_vec(),
            ["\u{FEFF}".as_bytes(), text.as_bytes()].concat(),
            utf16(text, u16::to_le_bytes),
            utf16(text, u16::to_be_bytes),
            b"name,gr\xF6\xDFe\nZo\xEB,\x805\n".to_vec(),
        ];
        for file in files {
            assert_eq!(decode(&file).unwrap(), text);
        }
    }

    #[test]
    fn what_is_no_text_is_refused() {
        let kind = |bytes: &[u8]| decode(bytes).unwrap_err().kind;
        assert_eq!(kind(b"\x89PNG\r\n\x1A\n\0\0\0"), TableErrorKind::NotText);
        assert_eq!(kind(&(0..=255).cycle().skip(1).take(200).collect::<Vec<u8>>()), TableErrorKind::NotText);
        assert_eq!(kind(b"a,b\n\x81,\x8D\n"), TableErrorKind::Encoding);
        assert_eq!(kind(&[0xFF, 0xFE, 0x00, 0xD8, 0x41, 0x00]), TableErrorKind::Encoding);
        assert_eq!(kind(b"\xEF\xBB\xBFa\n\xFF\n"), TableErrorKind::Encoding);
    }

    #[test]
    fn damaged_utf8_is_not_garbled() {
        let mut bytes = "müller,böse\nñandú,x\n".as_bytes().to_vec();
        bytes.extend(b"\xFF,y\n");
        let error = decode(&bytes).unwrap_err();
        assert_eq!(error.kind, TableErrorKind::Encoding);
        assert!(error.detail.contains("line 3"), "{error}");
    }
}
