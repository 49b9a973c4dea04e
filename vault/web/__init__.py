"""The front: what turns requests into verbs and their answers into pages or JSON.

One path serves people and programs: `respond.parse` reads a form or a JSON body into the same model, the
verb runs in a transaction, `respond.respond` gives the template exactly what the API gives. `problems`
alone knows what an error means in HTTP. Each part is put into an application by its own `install(app)`.
"""
