"""Tasks of the Hub, which ``pipeline_tag`` and the results of a model-index name.

Source: the enumeration of pipelines in the Hub's OpenAPI description, held against ``packages/tasks/src/pipelines.ts``
of the repository ``huggingface/huggingface.js``, which adds the subtasks. Date: 2026-11-21.
"""

PIPELINE_TAGS = frozenset(
    """
    any-to-any audio-classification audio-text-to-text audio-to-audio automatic-speech-recognition depth-estimation
    document-question-answering feature-extraction fill-mask graph-ml image-classification image-feature-extraction
    image-segmentation image-text-to-image image-text-to-text image-text-to-video image-to-3d image-to-image
    image-to-text image-to-video keypoint-detection mask-generation multiple-choice object-detection other
    question-answering reinforcement-learning robotics sentence-similarity summarization table-question-answering
    table-to-text tabular-classification tabular-regression tabular-to-text text-classification text-generation
    text-ranking text-retrieval text-to-3d text-to-audio text-to-image text-to-speech text-to-video
    time-series-forecasting token-classification translation unconditional-image-generation video-classification
    video-text-to-text video-to-video visual-document-retrieval visual-question-answering voice-activity-detection
    zero-shot-classification zero-shot-image-classification zero-shot-object-detection
    """.split()
)

FORMER_PIPELINE_TAGS = {"text2text-generation": "text-generation", "conversational": "text-generation"}
"""Tasks that the Hub had once, and the one that took their place."""

SUBTASKS = frozenset(
    """
    abstractive-qa acceptability-classification audio-emotion-recognition audio-intent-classification
    audio-language-identification closed-book-qa closed-domain-qa conversational coreference-resolution
    dialogue-generation dialogue-modeling document-retrieval entity-linking-classification entity-linking-retrieval
    explanation-generation extractive-qa face-detection fact-checking fact-checking-retrieval grasping
    hate-speech-detection image-captioning image-colorization image-inpainting instance-segmentation
    intent-classification keyword-spotting language-identification language-modeling lemmatization
    masked-language-modeling multi-class-classification multi-class-image-classification
    multi-input-text-classification multi-label-classification multi-label-image-classification
    multiple-choice-coreference-resolution multiple-choice-qa multivariate-time-series-forecasting
    named-entity-recognition natural-language-inference news-articles-headline-generation
    news-articles-summarization open-book-qa open-domain-abstractive-qa open-domain-qa panoptic-segmentation parsing
    part-of-speech pose-estimation rdf-to-text semantic-segmentation semantic-similarity-classification
    semantic-similarity-scoring sentiment-analysis sentiment-classification sentiment-scoring slot-filling
    speaker-identification super-resolution tabular-multi-class-classification tabular-multi-label-classification
    tabular-single-column-regression task-planning text-scoring text-simplification topic-classification
    univariate-time-series-forecasting utterance-retrieval vehicle-detection word-sense-disambiguation
    """.split()
)
