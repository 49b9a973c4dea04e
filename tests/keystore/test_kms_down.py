"""The key management goes away in the middle: no content, a clear answer, nothing written, and all is well afterwards."""

from __future__ import annotations

from uuid import uuid4

import pytest
from sqlalchemy import func, select

from tests.aws import running_aws
from tests.factory import PDF, Factory, new_runtime
from vault.app import create_app
from vault.bundles.models import Document
from vault.crypto.kinds import SlotKind
from vault.errors import KeysUnavailable, Tampered
from vault.keystore import epoch_keys
from vault.keystore.epoch_keys import EpochKeys
from vault.keystore.epochs import reading
from vault.keystore.models import Epoch, Slot
from vault.people.sessions import cookie_of

FORM = {"document_type": "rrf", "individuals": "815-00000001"}


class Vault:
    """A vault whose master key is at AWS; `forget()` is what five minutes do to the keys that a process keeps."""

    def __init__(self, aws, runtime, clock):
        self.aws, self.runtime = aws, runtime
        self.make = Factory(runtime, clock)
        self.actor = self.make.actor()
        self.bundle = self.make.bundle(self.actor)
        self.document = self.make.document(self.actor, self.bundle)
        self.client = create_app(runtime).test_client()
        self.client.set_cookie("casevault", cookie_of(self.actor))

    def forget(self):
        epochs = self.runtime.keystore.epochs
        epochs.keys = EpochKeys(epochs._kms)

    @property
    def content(self):
        return f"/api/v1/documents/{self.document.id}/content"

    def rows(self):
        with self.runtime.session() as session, reading(self.runtime.keystore.engine) as keystore:
            documents = session.scalar(select(func.count()).select_from(Document))
            slots = keystore.execute(select(Slot.id, Slot.blob).order_by(Slot.id)).all()
            epochs = keystore.execute(select(Epoch.number, Epoch.wrapped)).all()
        return documents, slots, epochs


@pytest.fixture
def vault(tmp_path, clock, monkeypatch):
    with (
        running_aws(monkeypatch) as aws,
        new_runtime(tmp_path, clock, kms=f"aws:{aws.new_key()}") as runtime,
    ):
        yield Vault(aws, runtime, clock)


def test_a_process_that_knows_the_key_goes_on_for_five_minutes_and_no_longer(vault):
    vault.aws.stop()
    assert vault.client.get(vault.content).data == PDF
    assert epoch_keys.LIFETIME == 300
    keys = vault.runtime.keystore.epochs.keys
    keys._kept = {name: (key, until - 300) for name, (key, until) in keys._kept.items()}
    assert vault.client.get(vault.content).status_code == 503


def test_without_the_keys_no_content_and_a_clear_answer(vault):
    vault.aws.stop()
    vault.forget()
    answer = vault.client.get(vault.content)
    assert (answer.status_code, answer.json["type"]) == (503, "/problems/keys-unavailable")
    assert answer.headers["Retry-After"] == "30"
    assert PDF not in answer.data
    page = vault.client.get(f"/bundles/{vault.bundle.id}")
    assert page.status_code == 503
    assert "The keys cannot be reached" in page.text
    assert "Main file" not in page.text
    assert vault.client.get("/healthz").status_code == 200
    assert vault.client.get("/readyz").json["keys"] is False


def test_nothing_is_written_while_the_keys_are_away(vault):
    before = vault.rows()
    vault.aws.stop()
    vault.forget()
    files = {"file": (PDF, "form.pdf")}
    stored = vault.client.post(f"/api/v1/bundles/{vault.bundle.id}/documents", data={**FORM, **files})
    assert stored.status_code == 503
    keystore = vault.runtime.keystore
    for ask in (
        lambda: keystore.create_slot(SlotKind.VERSION, uuid4()),
        keystore.epochs.start,
        keystore.epochs.relock,
        keystore.rewrap,
    ):
        with pytest.raises(KeysUnavailable):
            ask()
    assert vault.rows() == before
    vault.aws.start()
    vault.forget()
    assert vault.client.get(vault.content).data == PDF


def test_a_rotation_that_loses_the_keys_halfway_goes_on_when_they_are_back(vault):
    keystore = vault.runtime.keystore
    number = keystore.epochs.start()
    vault.aws.stop()
    vault.forget()
    with pytest.raises(KeysUnavailable):
        keystore.relock()
    vault.aws.start()
    vault.forget()
    assert vault.client.get(vault.content).data == PDF
    assert keystore.relock().ended == (number - 1,)
    assert keystore.epochs.outdated_count() == 0
    assert vault.client.get(vault.content).data == PDF


def test_a_refusal_is_remembered_for_a_moment_so_that_nobody_queues_for_it(vault):
    vault.aws.stop()
    vault.forget()
    keystore = vault.runtime.keystore
    with pytest.raises(KeysUnavailable):
        keystore.epochs.current()
    vault.aws.start()
    with pytest.raises(KeysUnavailable) as again:
        keystore.epochs.current()
    assert again.value.retry_after == 30
    vault.forget()
    assert keystore.epochs.current()[0] == 1


def test_a_key_that_comes_back_wrong_is_not_used(vault, monkeypatch):
    """Whatever answers as the key management: what it wrapped must open to the same key before it counts."""
    kms = vault.runtime.keystore.epochs._kms
    before = vault.rows()

    class Forger:
        def __getattr__(self, name):
            return getattr(kms, name)

        def wrap(self, epoch, key):
            return kms.wrap(epoch, bytes(32))

        def rewrap(self, epoch, wrapped):
            return kms.wrap(epoch, bytes(32))

    vault.runtime.keystore.epochs._kms = Forger()
    for ask in (vault.runtime.keystore.epochs.start, vault.runtime.keystore.rewrap):
        with pytest.raises(Tampered):
            ask()
    assert vault.rows() == before
