/** Mirror partners, which names tell: left and right are the subject's. */

/** The name of the mirror partner; the same if the name says no side. */
export function opposite(name) {
  const sides = { left: "right", right: "left" };
  return name.replace(/(?<![a-z])(left|right)(?![a-z])/g, (side) => sides[side]);
}

/** Pairs of a set after a name changed: those that names say. */
export function mirrorOf(names, mirror) {
  const kept = mirror.filter(([a, b]) => opposite(names[a]) === names[b]);
  names.forEach((name, k) => {
    const partner = names.indexOf(opposite(name));
    if (partner > k && !kept.some((pair) => pair.includes(k))) kept.push([k, partner]);
  });
  return kept;
}
