//! Numbers as people read them.

/// A number with three significant digits, in powers of ten where it is far from one.
pub(super) fn three_digits(number: f64) -> String {
    if number == 0.0 || !number.is_finite() {
        return if number == 0.0 { "0".into() } else { "—".into() };
    }
    let exponent = number.abs().log10().floor() as i32;
    match exponent {
        -3..=2 => format!("{number:.*}", (2 - exponent) as usize),
        3..=5 => grouped(number.round() as u64),
        _ => {
            let text = format!("{number:.2e}").replace('-', "−");
            text.replace(".00e", "e").replace("0e", "e")
        }
    }
}

/// `1,234,567`.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `859 million`.
pub(super) fn about(number: u64) -> String {
    match number {
        0..1_000_000 => grouped(number),
        1_000_000..10_000_000 => format!("{:.1} million", number as f64 / 1e6),
        _ => format!("{} million", grouped((number as f64 / 1e6).round() as u64)),
    }
}

/// `1 photo`, `3 photos`.
pub(super) fn count_of(count: usize, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {what}{plural}", grouped(count as u64))
}

/// `once`, `3 times`.
pub(super) fn times(count: u32) -> String {
    match count {
        1 => "once".into(),
        2 => "twice".into(),
        _ => format!("{count} times"),
    }
}

/// `0.38 s`, `57 s`, `12 min 5 s`, `3 h 12 min`.
pub(super) fn duration(seconds: f64) -> String {
    let whole = seconds.max(0.0).round() as u64;
    match whole {
        _ if seconds < 1.0 => format!("{:.2} s", seconds.max(0.0)),
        _ if seconds < 9.95 => format!("{seconds:.1} s"),
        0..120 => format!("{whole} s"),
        120..7_200 => format!("{} min {} s", whole / 60, whole % 60),
        _ => format!("{} h {} min", grouped(whole / 3_600), whole % 3_600 / 60),
    }
}

/// `812 MB`, `4.53 GB`.
pub(super) fn bytes(bytes: u64) -> String {
    let bytes = bytes as f64;
    match bytes {
        _ if bytes < 999.5e3 => format!("{:.0} kB", bytes / 1e3),
        _ if bytes < 999.5e6 => format!("{:.0} MB", bytes / 1e6),
        _ if bytes < 9.995e9 => format!("{:.2} GB", bytes / 1e9),
        _ => format!("{:.1} GB", bytes / 1e9),
    }
}

/// By how much of itself something grew: `−12.3 %`, `+4.0 %`.
pub(super) fn change(before: f64, after: f64) -> String {
    let percent = (after / before - 1.0) * 100.0;
    if !percent.is_finite() {
        return "—".into();
    }
    let sign = match percent {
        _ if percent.abs() < 0.05 => "±",
        _ if percent < 0.0 => "−",
        _ => "+",
    };
    format!("{sign}{:.1} %", percent.abs())
}

/// A part of a whole: `43 %`.
pub(super) fn share(part: f64, whole: f64) -> String {
    let percent = 100.0 * part / whole.max(1e-9);
    if percent > 0.0 && percent < 1.0 { "under 1 %".into() } else { format!("{percent:.0} %") }
}
