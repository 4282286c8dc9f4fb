"""Customers: one profile per person, segments a marketer recognises, and the few personas copy is written for."""

from brandloom.customers.personas import Persona, personas
from brandloom.customers.portrait import Fact, Portrait, portray
from brandloom.customers.profile_table import ProfilesUpdated, build_profiles, update_profiles
from brandloom.customers.profiles import feature_query, profile_features, sample_values
from brandloom.customers.segments import SEGMENT_LABELS, SegmentSummary, build_segments, segment_summary

__all__ = ["SEGMENT_LABELS", "Fact", "Persona", "Portrait", "ProfilesUpdated", "SegmentSummary", "build_profiles", "build_segments", "feature_query",
           "personas", "portray", "profile_features", "sample_values", "segment_summary", "update_profiles"]
