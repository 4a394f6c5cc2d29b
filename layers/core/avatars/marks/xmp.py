"""What a picture's metadata say of where it comes from (XMP, ISO 16684-1)."""

from xml.dom import minidom
from xml.parsers.expat import ExpatError

from defusedxml import DefusedXmlException
from defusedxml.minidom import parseString

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
IPTC = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
"""The namespace of `Iptc4xmpExt:DigitalSourceType` (IPTC Photo Metadata Standard)."""

_NAME = "DigitalSourceType"

_EMPTY = f"""\
<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="{RDF}"></rdf:RDF></x:xmpmeta>
<?xpacket end="w"?>""".encode()


def source_type_of(packet: bytes) -> str | None:
    """What the packet says of the picture's origin; None where it says nothing, or two things."""
    document = _read(packet)
    if document is None:
        return None
    described = [one for rdf in _rdf(document) for one in _elements(rdf, RDF, "Description")]
    said = {one.getAttributeNS(IPTC, _NAME) for one in described if one.hasAttributeNS(IPTC, _NAME)}
    said |= {
        "".join(text.data for text in element.childNodes if isinstance(text, minidom.Text))
        for one in described
        for element in _elements(one, IPTC, _NAME)
    }
    return said.pop() if len(said) == 1 else None


def with_source_type(packet: bytes | None, source_type: str) -> bytes:
    """The packet, in which the source type is this one and all else stands as it did.

    Without a packet, or with one that nobody can read, a packet that says only this.
    """
    document = _read(packet or _EMPTY) or _read(_EMPTY)
    assert document is not None  # noqa: S101 - ours can be read
    [rdf, *_] = _rdf(document)
    about = ""
    # Not those further inside: they speak of other pictures, which this one was made of.
    for described in _elements(rdf, RDF, "Description"):
        about = described.getAttributeNS(RDF, "about") or about
        if described.hasAttributeNS(IPTC, _NAME):
            described.removeAttributeNS(IPTC, _NAME)
        for said in _elements(described, IPTC, _NAME):
            described.removeChild(said)
        if not described.childNodes and _says_nothing(described):
            rdf.removeChild(described)
    ours = document.createElementNS(RDF, "rdf:Description")
    ours.setAttribute("xmlns:rdf", RDF)
    ours.setAttribute("xmlns:Iptc4xmpExt", IPTC)
    ours.setAttributeNS(RDF, "rdf:about", about)
    ours.setAttributeNS(IPTC, f"Iptc4xmpExt:{_NAME}", source_type)
    rdf.appendChild(ours)
    return "".join(node.toxml() for node in document.childNodes).encode()


def _read(packet: bytes) -> minidom.Document | None:
    """The packet's document; None where it is no RDF, or is made to blow up whoever reads it."""
    try:
        document: minidom.Document = parseString(packet.decode().rstrip("\0"), forbid_dtd=True)
    except (ExpatError, DefusedXmlException, ValueError):
        return None
    return document if _rdf(document) else None


def _rdf(document: minidom.Document) -> list[minidom.Element]:
    return list(document.getElementsByTagNameNS(RDF, "RDF"))


def _says_nothing(described: minidom.Element) -> bool:
    """Whether it has no attributes but names of spaces and what it is about."""
    attributes = described.attributes.values()
    return all(each.prefix == "xmlns" or each.localName == "about" for each in attributes)


def _elements(parent: minidom.Element, namespace: str, name: str) -> list[minidom.Element]:
    return [
        node
        for node in parent.childNodes
        if isinstance(node, minidom.Element)
        and (node.namespaceURI, node.localName) == (namespace, name)
    ]
