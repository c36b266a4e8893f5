//! Texts and the vectors that stand for them (WIT interface `embeddings`).

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EmbeddingBatch {
    pub model: String,
    pub inputs: Vec<String>,
    pub dimensions: Option<u32>,
}

/// The vectors of a batch, one behind the other in the order of its texts.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Vectors {
    pub dim: u32,
    pub data: Vec<f32>,
    /// 0 when the upstream counted nothing.
    pub input_tokens: u64,
}

impl Vectors {
    /// Puts vectors of one length together; `None` when they differ, or one is empty.
    pub fn of(vectors: &[Vec<f32>], input_tokens: u64) -> Option<Self> {
        let dim = vectors.first()?.len();
        let fits = dim > 0 && vectors.iter().all(|vector| vector.len() == dim);
        fits.then(|| Self {
            dim: u32::try_from(dim).unwrap_or(u32::MAX),
            data: vectors.concat(),
            input_tokens,
        })
    }

    /// Each of them.
    pub fn each(&self) -> impl Iterator<Item = &[f32]> {
        self.data.chunks(usize::try_from(self.dim).unwrap_or(usize::MAX).max(1))
    }
}
