//! The names under which one vendor offers one model. Only what says nothing of the model goes: letters in upper case, the
//! vendor's own name in front, the day of a version. A suffix that may be a model of its own stays.

/// As names are compared.
pub(super) fn plain(vendor: &str, model: &str) -> String {
    let model = model.trim().to_ascii_lowercase();
    let vendor = format!("{}/", vendor.to_ascii_lowercase());
    for prefix in [vendor.as_str(), "models/"] {
        if let Some(rest) = model.strip_prefix(prefix).filter(|rest| !rest.is_empty()) {
            return rest.to_owned();
        }
    }
    model
}

/// The name without the day of its version, or without the word that stands for the newest; none when it has neither.
pub(super) fn undated(plain: &str) -> Option<&str> {
    if let Some(name) = plain.strip_suffix("-latest") {
        return Some(name).filter(|name| !name.is_empty());
    }
    let forms: [&[&str]; 3] = [&["-dddd-dd-dd"], &["-dddddddd"], &["@dddddddd"]];
    forms.into_iter().flatten().find_map(|form| {
        let (name, day) = plain.split_at_checked(plain.len().checked_sub(form.len())?)?;
        let holds = day.bytes().zip(form.bytes()).all(|(byte, form)| match form {
            b'd' => byte.is_ascii_digit(),
            other => byte == other,
        });
        let of_our_time = day.trim_start_matches(['-', '@']).starts_with("20");
        (holds && of_our_time && !name.is_empty()).then_some(name)
    })
}
