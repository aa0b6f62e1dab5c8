import { writeFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { comparable, comparableRows, expectedOf } from './differences.ts';
import { replay } from './replay.ts';
import { loadRecording, loadScenarios } from './scenario.ts';

it('report', async () => {
  const out: string[] = [];
  let ok = 0;
  for (const sc of loadScenarios()) {
    const rec = loadRecording(sc.name);
    const exp = expectedOf(sc, rec);
    const lines: string[] = [];
    try {
      const act = await Promise.race([
        replay(sc, exp),
        new Promise<never>((_, r) => setTimeout(() => r(new Error('TIMEOUT')), 3000)),
      ]);
      exp.answers.forEach((e, i) => {
        const a = comparable(act.answers[i]!) as any,
          b = comparable(e) as any;
        for (const k of new Set([...Object.keys(a), ...Object.keys(b)])) {
          if (k === 'sse') {
            const x = (b.sse ?? []) as string[],
              y = (a.sse ?? []) as string[];
            let p = 0;
            while (p < x.length && p < y.length && x[p] === y[p]) p++;
            let q = 0;
            while (q < x.length - p && q < y.length - p && x[x.length - 1 - q] === y[y.length - 1 - q]) q++;
            if (p !== x.length || p !== y.length || (a.sse === undefined) !== (b.sse === undefined)) {
              lines.push(`  [${i}] sse at ${p}: drop ${x.length - p - q}`);
              for (const f of x.slice(p, x.length - q)) lines.push('    - ' + f.trim());
              for (const f of y.slice(p, y.length - q)) lines.push('    + ' + f.trim());
            }
          } else if (JSON.stringify(sort(a[k])) !== JSON.stringify(sort(b[k])))
            lines.push(`  [${i}] ${k}\n    - ${JSON.stringify(b[k])}\n    + ${JSON.stringify(a[k])}`);
        }
      });
      const ra = comparableRows(act.rows) as any,
        rb = comparableRows(exp.rows) as any;
      for (const u of new Set([...Object.keys(ra), ...Object.keys(rb)]))
        for (const t of ['threads', 'items', 'attachments']) {
          const x = JSON.stringify(sort(rb[u]?.[t])),
            y = JSON.stringify(sort(ra[u]?.[t]));
          if (x !== y) lines.push(`  rows ${u}.${t}\n    - ${x}\n    + ${y}`);
        }
    } catch (e) {
      lines.push(
        '  ' +
          String((e as Error).stack)
            .split('\n')
            .slice(0, 3)
            .join(' | '),
      );
    }
    if (lines.length) out.push(sc.name, ...lines);
    else ok++;
  }
  out.push(`ok ${ok}`);
  writeFileSync('/tmp/diff.txt', out.join('\n'));
}, 100000);
const sort = (v: any): any =>
  Array.isArray(v)
    ? v.map(sort)
    : v && typeof v === 'object'
      ? Object.fromEntries(
          Object.keys(v)
            .sort()
            .map((k) => [k, sort(v[k])]),
        )
      : v;
