"""A tracking plan in Segment's own shape: rules for events and traits, in JSON Schema draft-07."""

from dataclasses import dataclass

from pixel_emulator.core.mistakes import Document


@dataclass(frozen=True, slots=True)
class Plan:
    """A tracking plan."""

    file: str


def parse(document: Document) -> Plan:
    """The plan of a document. Raises InputError with all of its mistakes."""
    return Plan(document.file)
