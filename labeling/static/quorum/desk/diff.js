// Pure: what changed between two texts, word by word (Myers, "An O(ND) Difference
// Algorithm", 1986). Beyond MAX_CHANGES words changed, the middle counts as rewritten.

const MAX_CHANGES = 1_200;

const TOKENS = /\s+|[\p{L}\p{N}\p{M}_'’]+|[^\s\p{L}\p{N}\p{M}_]/gu;

/** Give runs `{kind: "same" | "removed" | "added", text}`; joined they are both texts. */
export function diffWords(before, after) {
  const a = before.match(TOKENS) ?? [];
  const b = after.match(TOKENS) ?? [];
  let start = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) start += 1;
  let end = 0;
  while (end < a.length - start && end < b.length - start && a.at(-1 - end) === b.at(-1 - end)) end += 1;
  const middleA = a.slice(start, a.length - end);
  const middleB = b.slice(start, b.length - end);
  const changes = shortest(middleA, middleB) ?? [
    ...middleA.map((text) => ({ kind: "removed", text })),
    ...middleB.map((text) => ({ kind: "added", text })),
  ];
  const same = (text) => ({ kind: "same", text });
  return joined([...a.slice(0, start).map(same), ...changes, ...a.slice(a.length - end).map(same)]);
}

function shortest(a, b) {
  const trace = [];
  let furthest = new Map([[1, 0]]);
  const limit = Math.min(a.length + b.length, MAX_CHANGES);
  for (let d = 0; d <= limit; d += 1) {
    const reached = new Map();
    for (let k = -d; k <= d; k += 2) {
      const down = k === -d || (k !== d && (furthest.get(k - 1) ?? -1) < (furthest.get(k + 1) ?? -1));
      let x = down ? furthest.get(k + 1) : furthest.get(k - 1) + 1;
      while (x < a.length && x - k < b.length && a[x] === b[x - k]) x += 1;
      reached.set(k, x);
      if (x >= a.length && x - k >= b.length) {
        trace.push(furthest);
        return backtrack(a, b, trace);
      }
    }
    trace.push(furthest);
    furthest = reached;
  }
  return null;
}

function backtrack(a, b, trace) {
  const runs = [];
  let x = a.length;
  let y = b.length;
  for (let d = trace.length - 1; d >= 0; d -= 1) {
    const furthest = trace[d];
    const k = x - y;
    const down = k === -d || (k !== d && (furthest.get(k - 1) ?? -1) < (furthest.get(k + 1) ?? -1));
    const from = down ? k + 1 : k - 1;
    const fromX = d === 0 ? 0 : furthest.get(from);
    const fromY = d === 0 ? 0 : fromX - from;
    while (x > fromX && y > fromY) {
      x -= 1;
      y -= 1;
      runs.push({ kind: "same", text: a[x] });
    }
    if (d === 0) break;
    if (down) runs.push({ kind: "added", text: b[(y -= 1)] });
    else runs.push({ kind: "removed", text: a[(x -= 1)] });
  }
  return runs.reverse();
}

function joined(tokens) {
  const runs = [];
  for (const { kind, text } of tokens) {
    if (runs.at(-1)?.kind === kind) runs.at(-1).text += text;
    else runs.push({ kind, text });
  }
  return runs;
}
