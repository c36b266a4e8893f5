//! Lists of models page by page, on the wires whose clients ask for pages.

use super::{Ingress, ModelListing};
use crate::canon::Json;
use crate::envelope::Envelope;

impl Ingress {
    /// Whether clients of the wire ask for lists page by page.
    pub const fn lists_in_pages(self) -> bool {
        match self {
            Self::OpenAiChat | Self::OpenAiResponses | Self::OpenAiCompletions | Self::OpenAiCompaction => {
                false
            }
            Self::AnthropicMessages => true,
        }
    }

    /// A page of the models, behind which there are more or are not.
    pub fn model_page(self, models: &[ModelListing<'_>], has_more: bool) -> Json {
        let list = self.model_list(models);
        if has_more { more(&list).unwrap_or(list) } else { list }
    }
}

/// The list, with its mark that there are more.
fn more(list: &str) -> Option<Json> {
    let envelope = Envelope::scan_text(list).ok()?;
    let mut splice = envelope.splice();
    splice.value("has_more").ok()??;
    splice.set_sound("has_more", "true".to_owned()).ok()?;
    Some(splice.finish())
}

#[cfg(test)]
mod tests {
    use super::more;

    #[test]
    fn a_page_says_that_there_are_more() {
        let list = r#"{"data":[{"id":"has_more"}],"has_more":false,"last_id":"a"}"#;
        let page = r#"{"data":[{"id":"has_more"}],"has_more":true,"last_id":"a"}"#;
        assert_eq!(more(list).as_deref(), Some(page));
        assert_eq!(more(r#"{"object":"list","data":[]}"#), None);
    }
}
