"""The same client for asyncio: its stubs, its transactions and its streams are others."""

import asyncio

from google.cloud import firestore
from google.cloud.firestore_v1.base_query import FieldFilter

from scenario import scenario


@scenario("asynchronous/all")
def all_(check):
    async def body():
        db = firestore.AsyncClient(project=check.project)
        await asyncio.gather(*(db.document(f"c/{n}").set({"n": n}) for n in range(20)))
        snapshot = await db.document("c/3").get()
        check.equal("a document", snapshot.to_dict(), {"n": 3})
        found = [doc.id async for doc in db.collection("c").where(filter=FieldFilter("n", ">", 16)).stream()]
        check.equal("a query", found, ["17", "18", "19"])
        count = await db.collection("c").count().get()
        check.equal("a count", count[0][0].value, 20)
        check.equal("documents", sorted([doc.id async for doc in db.get_all([db.document("c/1"), db.document("c/2")])]), ["1", "2"])
        check.equal("collections", [ref.id async for ref in db.collections()], ["c"])
        check.equal("a listing", len([ref async for ref in db.collection("c").list_documents(page_size=7)]), 20)

        @firestore.async_transactional
        async def move(transaction):
            snapshot = await db.document("c/1").get(transaction=transaction)
            transaction.update(db.document("c/1"), {"n": snapshot.get("n") + 100})
            transaction.delete(db.document("c/2"))

        await move(db.transaction())
        check.equal("a transaction", [(await db.document("c/1").get()).to_dict(), (await db.document("c/2").get()).exists], [{"n": 101}, False])
        batch = db.batch()
        batch.set(db.document("c/x"), {"n": firestore.Increment(1)})
        check.equal("a batch", len(await batch.commit()), 1)
        await db.recursive_delete(db.collection("c"))
        check.equal("a recursive deletion", [doc.id async for doc in db.collection("c").stream()], [])

    asyncio.run(body())
