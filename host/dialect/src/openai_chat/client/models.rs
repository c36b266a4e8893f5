//! The models that a request may name, as clients of this wire list them.

use crate::canon::Json;
use crate::ingress::ModelListing;
use crate::json::Members;

/// `{"id":…,"object":"model","created":…,"owned_by":…}`
pub(crate) fn one(model: &ModelListing<'_>) -> Json {
    let mut out = Members::new();
    out.string("id", model.id)
        .string("object", "model")
        .raw("created", &model.created_s.to_string())
        .string("owned_by", model.owner);
    out.finish()
}

/// `{"object":"list","data":[…]}`
pub(crate) fn list(models: &[ModelListing<'_>]) -> Json {
    let listed: Vec<Json> = models.iter().map(one).collect();
    let mut out = Members::new();
    out.string("object", "list").raw("data", &format!("[{}]", listed.join(",")));
    out.finish()
}
