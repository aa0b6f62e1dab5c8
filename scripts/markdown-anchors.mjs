// The anchors of a Markdown page as GitHub makes them: one for every heading, and every `id` and `name` that is written out.

/** The anchors of a page, without the `#`. */
export function anchorsOf(markdown) {
  const text = withoutCodeBlocks(markdown);
  const anchors = new Set();
  for (const [, heading] of text.matchAll(/^ {0,3}#{1,6}[ \t]+(.*?)(?:[ \t]+#*)?[ \t]*$/gm)) {
    const slug = slugOf(heading);
    let anchor = slug;
    for (let times = 1; anchors.has(anchor); times++) anchor = `${slug}-${times}`;
    anchors.add(anchor);
  }
  for (const [, id] of text.matchAll(/<[a-z]\w*\s[^>]*?\b(?:id|name)="([^"]+)"/g)) anchors.add(id);
  return anchors;
}

/** The page without its fenced blocks, where a line with `#` is a comment and a link is text. */
export const withoutCodeBlocks = (markdown) => markdown.replace(/^ *(```+|~~~+)[\s\S]*?^ *\1/gm, '');

/**
 * What GitHub makes of a heading: its text as it is shown, in small letters, a hyphen for each space, and of the other
 * characters only letters, digits, hyphens and low lines. So `a & b` has two hyphens, and `a.b()` is `ab`.
 */
function slugOf(heading) {
  return shown(heading)
    .trim()
    .toLowerCase()
    .replace(/[^\p{L}\p{M}\p{N}\p{Pc} -]/gu, '')
    .replaceAll(' ', '-');
}

/** A heading without its markup: code stands as it is written, a link is its text, stars and tags are not shown. */
function shown(heading) {
  return heading
    .split(/(`+[^`]+`+)/)
    .map((piece) =>
      piece.startsWith('`')
        ? piece
        : piece
            .replace(/!\[[^\]]*\]\([^)]*\)/g, '')
            .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
            .replace(/<\/?[a-z][^>]*>/gi, '')
            .replace(/(?<!\w)_(\S(?:[^_]*\S)?)_(?!\w)/g, '$1'),
    )
    .join('');
}
