"""Six questions about a model, answered with the names of ``import rsp_lab as rl`` alone.

Put your own weights and photographs in place of the first lines: ``rl.load("mine.safetensors")``,
``rl.read_image("street.png")``. An image is uint8 or float in [0, 1]; every function takes both.
"""

import torch

import rsp_lab as rl

model = rl.load("scenes-rsp4")
image = rl.scenes.draw_scene(11, 128, 256).image
pixel = rl.PixelTarget(75, 130)  # what is predicted at row 75, column 130, over the runner-up

# 1. Which level decided this pixel?
ledger = rl.context_ledger(model, image, pixel)
print(ledger)
print(f"Level {ledger.deciding_level} gave most to {ledger.target.describe()}.")

# 2. What happens if step 54 looks uniformly?
edited = rl.operate(model, image, rl.surgery.Uniform("step54"), target=pixel)
share = float(edited.changed.float().mean())
print(f"{share:.1%} of the labels change; {edited.target.describe()} goes from ", end="")
print(f"{edited.before.target_value:+.2f} to {edited.after.target_value:+.2f} logits.")

# 3. Where does the pixel look? Its weights on every level, drawn on the image.
grids = rl.figures.draw_figure(model, image, "relation_grids", pixel)
rl.figures.save(grids.figure, "weights.png", dpi=80)
print(grids.caption)

# 4. How far does a cell of level 5 see? Its effective receptive field.
field = rl.effective_field(model, image, (2, 4), tap="q5")
print(f"Half of what moves {field.outputs[0]} lies within {field.radius(0.5):.0f} pixels of it.")

# 5. How do two checkpoints differ, over five images?
left = rl.load("scenes-baseline")
samples = [rl.scenes.draw_scene(seed, 128, 256).sample for seed in range(5)]
comparisons = [rl.compare(left, model, sample.image) for sample in samples]
for sample, comparison in zip(samples, comparisons, strict=True):
    print(f"{sample.name}: {comparison.sentence()}")
trade = rl.trade_matrix(left, model, samples)
print(trade)

# 6. What is a whole region's decision made of?
with torch.no_grad():
    labels = model(image)[0].argmax(0)
region = rl.regions.connected_region(labels, (pixel.y, pixel.x))
region_ledger = rl.context_ledger(model, image, region)
print(region_ledger.sentence())
