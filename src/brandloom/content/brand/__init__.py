"""Brand kits: voice learned from a company's own texts, logo, colours, sender, legal notes; one YAML file per brand."""

from brandloom.content.brand.corpus import Corpus, read_corpus
from brandloom.content.brand.distance import Comparison, check_voice, compare, voice_cautions
from brandloom.content.brand.kit import BrandKit, VoiceKit, read_kit, write_kit
from brandloom.content.brand.learn import LEAST_TEXTS, Learned, learn_kit, learn_voice
from brandloom.content.brand.look import LOGO_CID, Look, look, with_picture
from brandloom.content.brand.reading import language_of
from brandloom.content.brand.scales import SCALES
from brandloom.content.brand.shelf import (
    brand_names,
    brand_path,
    brand_seal,
    brand_sender,
    default_brand,
    learn_brand,
    open_brand,
    speaking_brand,
)
from brandloom.content.brand.tone import tone_of

__all__ = ["LEAST_TEXTS", "LOGO_CID", "SCALES", "BrandKit", "Comparison", "Corpus", "Learned", "Look", "VoiceKit", "brand_names", "brand_path",
           "brand_seal", "brand_sender", "check_voice", "compare", "default_brand", "language_of", "learn_brand", "learn_kit", "learn_voice", "look",
           "open_brand", "read_corpus", "read_kit", "speaking_brand", "tone_of", "voice_cautions", "with_picture", "write_kit"]
