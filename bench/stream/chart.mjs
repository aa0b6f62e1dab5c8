/** A bar chart as SVG: one group of bars per operator, shorter is better, a dashed line at `line`. Readable in light and dark pages. */

const BAR = 14;
const GROUP_GAP = 18;
const LEFT = 190;
const WIDTH = 860;
const COLORS = ['#2563eb', '#94a3b8', '#a78bfa', '#f59e0b', '#10b981', '#ef4444', '#64748b'];

export function barChart({ title, subtitle, groups, max, line = 1 }) {
  const names = [...new Set(groups.flatMap(({ bars }) => bars.map(({ name }) => name)))];
  const color = (name) => COLORS[names.indexOf(name) % COLORS.length];
  const scale = (value) => ((WIDTH - LEFT - 70) * Math.min(value, max)) / max;
  const parts = [];
  let y = 74;
  let x = 12;
  for (const name of names) {
    parts.push(`<rect x="${x}" y="44" width="10" height="10" fill="${color(name)}"/>`, text(x + 14, 53, name));
    x += 26 + name.length * 6.6;
  }
  for (const { label, bars } of groups) {
    parts.push(text(12, y + (bars.length * BAR) / 2 + 4, label, 'font-weight="600"'));
    for (const { name, value } of bars) {
      const width = scale(value).toFixed(1);
      const mark = value > max ? ' →' : '';
      parts.push(
        `<rect x="${LEFT}" y="${y}" width="${width}" height="${BAR - 3}" fill="${color(name)}"/>`,
        text(LEFT + Number(width) + 5, y + 10, `${value.toFixed(2)}${mark}`),
      );
      y += BAR;
    }
    y += GROUP_GAP;
  }
  const goal = LEFT + scale(line);
  parts.push(
    `<line x1="${goal}" x2="${goal}" y1="66" y2="${y - GROUP_GAP}" stroke="currentColor" stroke-dasharray="3 3"/>`,
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${y}" font-family="system-ui, sans-serif" font-size="11" role="img" aria-label="${entities(title)}">
<style>svg { color: #0f172a; background: #fff } @media (prefers-color-scheme: dark) { svg { color: #e2e8f0; background: #0f172a } }</style>
${text(12, 20, title, 'font-size="15" font-weight="700"')}
${text(12, 35, subtitle, 'opacity="0.75"')}
${parts.join('\n')}
</svg>
`;
}

const text = (x, y, content, attributes = '') =>
  `<text x="${x}" y="${y}" fill="currentColor" ${attributes}>${entities(content)}</text>`;
const entities = (content) => content.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
