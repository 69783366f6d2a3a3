"""Shapes as text."""

import xml.etree.ElementTree as ET

from proxy.replay import svg


def test_shapes() -> None:
    assert svg.box(1, 2, 3.456, -4, "#fff") == '<rect x="1.0" y="2.0" width="3.5" height="0.0" fill="#fff"/>'
    assert svg.box(1, 2, 3, 4, "#fff", 0.5, "a & b") == (
        '<rect x="1.0" y="2.0" width="3.0" height="4.0" fill="#fff" fill-opacity="0.50"><title>a &amp; b</title></rect>'
    )
    assert svg.line((0, 0), (1, 1), "#000", "3 3") == '<line x1="0.0" y1="0.0" x2="1.0" y2="1.0" stroke="#000" stroke-dasharray="3 3"/>'
    assert svg.area([(0, 0), (1, 2)], "#000", "x") == '<polygon points="0.0,0.0 1.0,2.0" fill="#000"><title>x</title></polygon>'


def test_a_document_has_a_title_for_those_who_do_not_see_it() -> None:
    whole = ET.fromstring(svg.document(10, 20, "What it is", []))
    assert whole.attrib["role"] == "img"
    assert whole[0].text == "What it is"
