"""Libraries that the Hub knows by name. A card may name any other; what is nearly one of these is a misspelling.

Source: the keys of ``packages/tasks/src/model-libraries.ts`` of the repository ``huggingface/huggingface.js``.
Date: 2026-11-21.
"""

LIBRARIES = frozenset(
    """
    3dtopia-xl PaddleOCR acestep adapter-transformers allennlp anemoi araclip asteroid audiocraft audioseal bagel-mot
    bboxmaskpose ben2 bertopic big_vision birder birefnet bm25s cartesia_mlx cartesia_pytorch champ chat_tts chatterbox
    clipscope colpali comet contexttab cosmos cosyvoice cotracker cxr-foundation deepforest depth-anything-v2 depth-pro
    derm-foundation describe-anything dia-tts diffree diffusers diffusion-single-file diffusionkit doctr edsnlp elm
    espnet f5-tts fairseq fastai fasttext flair fme gemma.cpp genmo geometry-crafter gliner glyph-byt5 grok hallo hermes
    hezar htrflow hunyuan-dit hunyuan3d-2 hunyuanworld-voyager imstoucan index-tts infinite-you infinitetalk k2 keras
    keras-hub kimi-audio kittentts kronos lerobot lightning-ir litert-lm liveportrait llama-cpp-python lvface
    magenta-realtime magi-1 mamba-ssm mars5-tts matanyone medvae merlin mesh-anything mindspore mini-omni2 mitie
    ml-agents mlc-llm mlx mlx-image model2vec monkeyocr moshi mtvcraft nemo open-oasis open-sora open_clip outetts
    paddlenlp peft perception-encoder phantom-wan pxia py-feat pyannote-audio pythae recurrentgemma refiners relik
    renderformer reverb rkllm saelens sam2 sample-factory sana sapiens seed-story seedvr sentence-transformers setfit
    sklearn soloaudio songbloom spacy span-marker speechbrain ssr-speech stable-audio-tools stable-baselines3 stanza
    swarmformer tabpfn tencent-song-generation tensorflowtts terratorch tf-keras tic-clip timesfm timm tirex torchgeo
    transformers transformers.js trellis ultralytics uni-3dar unity-sentis univa vfi-mamba videoprism voicecraft vui
    wan2.2 wham whisperkit yolov10 zonos
    """.split()
)
