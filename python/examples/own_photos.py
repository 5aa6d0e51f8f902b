"""Own photos to a search, in ten lines: python3 own_photos.py [FOLDER]

FOLDER has metadata.jsonl and the pictures that it names; without one, scenes are generated. Models and indexes go to the current folder."""

import sys

import adah

photos = adah.Dataset(sys.argv[1]) if len(sys.argv) > 1 else adah.Dataset.synth("scenes", n_scenes=300, n_side=32)
model = adah.train(photos, "photos.safetensors", n_epochs=3, settings={"n_side": 32}, progress=True)
index = adah.Index.create("photos.adah", model, photos)
words = photos[0].text
print(f"{words!r} finds")
for row, distance in zip(*[(hits.rows, hits.distances) for hits in index.search(model.encode_texts(words), to="image", k=5)][0]):
    print(f"  {distance:3} bits  {index.record(row).file_name}: {index.record(row).text}")
print(adah.evaluate(model, photos))
