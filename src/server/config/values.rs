//! Texts as values: the spellings of YAML 1.1 and of Go.

use std::time::Duration;

/// A boolean as YAML 1.1 spells it.
pub(super) fn boolean(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "y" => Some(true),
        "false" | "no" | "off" | "n" => Some(false),
        _ => None,
    }
}

/// Shortest time that a number without a unit can mean.
const BARE_MIN: Duration = Duration::from_millis(1);

/// A whole number; `_` may part its digits.
pub(super) fn number(text: &str) -> Result<i64, String> {
    let digits = text.replace('_', "");
    digits.parse().map_err(|_| "must be a whole number".to_owned())
}

/// A duration as Go writes it: `1h2m3.5s`, `100ms`. A bare number counts nanoseconds, as there; those below a millisecond
/// are seconds that lost their unit, and nobody means to do something every 10 ns.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    const UNITS: [(&str, f64); 7] =
        [("ns", 1e-9), ("us", 1e-6), ("µs", 1e-6), ("ms", 1e-3), ("h", 3600.0), ("m", 60.0), ("s", 1.0)];
    let wrong = || "must be a duration such as 30s or 1h30m".to_owned();
    if let Ok(nanoseconds) = text.parse() {
        let time = Duration::from_nanos(nanoseconds);
        return match time.is_zero() || time >= BARE_MIN {
            true => Ok(time),
            false => Err("must have a unit, such as 10s or 5m: a bare number counts nanoseconds".into()),
        };
    }
    let (mut rest, mut seconds) = (text, 0.0);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(wrong)?;
        let number: f64 = rest[..digits].parse().map_err(|_| wrong())?;
        let unit = UNITS.iter().find(|(name, _)| rest[digits..].starts_with(name)).ok_or_else(wrong)?;
        seconds += number * unit.1;
        rest = &rest[digits + unit.0.len()..];
    }
    Duration::try_from_secs_f64(seconds).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_gos() {
        for (text, millis) in [("0", 0), ("10s", 10_000), ("1h2m3.5s", 3_723_500), ("100ms", 100), ("1000000000", 1000)]
        {
            assert_eq!(duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        assert_eq!(duration("1000000"), Ok(Duration::from_millis(1)));
        for text in ["1", "10", "3600", "999999"] {
            let message = "must have a unit, such as 10s or 5m: a bare number counts nanoseconds";
            assert_eq!(duration(text), Err(message.to_owned()), "{text}");
        }
        assert_eq!(duration("1ns"), Ok(Duration::from_nanos(1)), "said plainly");
        for text in ["s", "10 s", "-1s", "1d", "1e400s", "nan", "1.s.", ".", "1µ", "99999999999999999999h"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn numbers() {
        assert_eq!((number("10"), number("-1"), number("1_000")), (Ok(10), Ok(-1), Ok(1000)));
        for text in ["", "ten", "1.5", "0x", "99999999999999999999"] {
            assert!(number(text).is_err(), "{text}");
        }
    }

    #[test]
    fn booleans_are_yamls() {
        for (text, expected) in [("yes", Some(true)), ("Off", Some(false)), ("perhaps", None), ("1", None), ("", None)]
        {
            assert_eq!(boolean(text), expected, "{text}");
        }
    }
}
