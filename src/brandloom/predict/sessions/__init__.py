"""Whether a visit ends in a purchase, told after each of its steps: boosted trees on what came before beside a GRU on the sequence."""

from brandloom.predict.sessions.gru import Gru, Training, train_gru
from brandloom.predict.sessions.model import SessionCard, SessionModel, fit_sessions
from brandloom.predict.sessions.steps import KINDS, Steps, cut_sessions, read_sessions

__all__ = ["KINDS", "Gru", "SessionCard", "SessionModel", "Steps", "Training", "cut_sessions", "fit_sessions", "read_sessions", "train_gru"]
