"""The virtual webcam: packets of captions in, frames with subtitles out."""
