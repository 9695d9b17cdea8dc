// Which part of the image a photograph shows, and where it lies on the screen. Pure: nothing here draws.
// A look is {zoom, centre}: zoom 1 is the whole image, centre a place [y, x] of the image measured from its corner.

export const MAX_ZOOM = 24;

export function wholeImage(size) {
  return { zoom: 1, centre: [size[0] / 2, size[1] / 2] };
}

// The look within its bounds: no further in than MAX_ZOOM, and nothing beside the image in sight.
export function clampLook({ zoom, centre }, size) {
  const held = Math.min(MAX_ZOOM, Math.max(1, zoom));
  const inside = centre.map((place, axis) => {
    const half = size[axis] / held / 2;
    return Math.min(size[axis] - half, Math.max(half, place));
  });
  return { zoom: held, centre: inside };
}

// What drawing needs: the image's place at the box's corner, and screen units for each pixel, rows then columns.
export function viewport(look, size, box) {
  const per = [(box.height / size[0]) * look.zoom, (box.width / size[1]) * look.zoom];
  const corner = look.centre.map((place, axis) => place - size[axis] / look.zoom / 2);
  return { per, corner, size, height: box.height, width: box.width };
}

// Pixel coordinates have their integers at pixel centres, so the image's corner is at -0.5.
export function toScreen({ per, corner }, place) {
  return place.map((value, axis) => (value + 0.5 - corner[axis]) * per[axis]);
}

export function toImage({ per, corner }, point) {
  return point.map((value, axis) => value / per[axis] + corner[axis] - 0.5);
}

// [x, y, width, height] on the screen of a box [top, left, bottom, right] of pixel coordinates.
export function placed(port, [top, left, bottom, right]) {
  const [y, x] = toScreen(port, [top, left]);
  return [x, y, (right - left) * port.per[1], (bottom - top) * port.per[0]];
}

// Zooms by a factor while the place under a point [y, x] of the screen stays under it.
export function zoomedAt(look, size, box, factor, point) {
  const under = toImage(viewport(look, size, box), point).map((place) => place + 0.5);
  const zoom = Math.min(MAX_ZOOM, Math.max(1, look.zoom * factor));
  const stays = under.map((place, axis) => place + (look.centre[axis] - place) * (look.zoom / zoom));
  return clampLook({ zoom, centre: stays }, size);
}

// Moves the image along with a point that moved by [down, along] on the screen.
export function panned(look, size, box, [down, along]) {
  const { per } = viewport(look, size, box);
  return clampLook({ zoom: look.zoom, centre: [look.centre[0] - down / per[0], look.centre[1] - along / per[1]] }, size);
}

// The look moved as little as possible so that a pixel is in sight, a tenth of the sight away from its border.
export function bringingIntoSight(look, size, pixel) {
  const centre = look.centre.map((place, axis) => {
    const reach = (size[axis] / look.zoom) * 0.4;
    return Math.min(pixel[axis] + 0.5 + reach, Math.max(pixel[axis] + 0.5 - reach, place));
  });
  return clampLook({ zoom: look.zoom, centre }, size);
}
