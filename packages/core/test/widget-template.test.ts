import { existsSync, readFileSync } from 'node:fs';
import { isChatKitError, toWireItem, widgetItem } from '@chatkit/core';
import { createWidgetTemplate, type WidgetDefinition } from '@chatkit/core/widgets';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { json } from './arbitraries/json.ts';

const conformance = new URL('../../../conformance/', import.meta.url);
const readJson = (path: string) => JSON.parse(readFileSync(new URL(path, conformance), 'utf8'));

const templateOf = (template: string) => createWidgetTemplate({ version: '1.0', name: 't', template });
const renderIn = (template: string, data: Record<string, unknown> = {}) => templateOf(template).render(data);
const codeOf = (work: () => unknown): string | undefined => {
  try {
    work();
  } catch (error) {
    return isChatKitError(error) ? error.code : String(error);
  }
  return undefined;
};

interface Recording {
  name: string;
  data?: Record<string, unknown> | null;
  text?: string;
  widget?: unknown;
  error?: { type: string };
}

describe('createWidgetTemplate', () => {
  const recordings: Recording[] = readJson('golden-widgets/templates.json');
  const definition = (name: string): WidgetDefinition => readJson(`fixtures/widgets/${name}.widget`);

  it.each(recordings.map((recording, at) => [`${recording.name} ${at}`, recording] as const))(
    'gives what Jinja gave: %s',
    (_title, { name, data, text, widget, error }) => {
      const build = () => {
        const template = createWidgetTemplate(definition(name));
        return { text: template.render(data ?? {}), widget: template.build(data ?? {}) };
      };
      if (error !== undefined) {
        expect(codeOf(build)).toMatch(/^widget\./);
        return;
      }
      const built = build();
      expect(built.text).toBe(text);
      expect(toWireItem(widgetItem({ thread_id: 't', widget: built.widget }))).toMatchObject({ widget });
    },
  );

  it('has the recordings of every fixture', () => {
    expect(recordings.length).toBeGreaterThan(20);
    expect(existsSync(new URL('fixtures/widgets/data.json', conformance))).toBe(true);
  });

  // Each result was printed by jinja2 3.1.
  const cases: [template: string, result: string, data?: Record<string, unknown>][] = [
    ['{{ 1 }}', '1'],
    ['{{ 1.5 }}', '1.5'],
    ['{{ 2.0 }}', '2.0'],
    ['{{ 4 / 2 }}', '2.0'],
    ['{{ 7 // 2 }} {{ -7 // 2 }} {{ -7 % 3 }} {{ 2 ** 3 }} {{ 2 ** -1 }}', '3 -4 2 8 0.5'],
    ['{{ 1e3 }} {{ 1e-7 }} {{ 0.00001 }}', '1000.0 1e-07 1e-05'],
    ['{{ true }} {{ none }} {{ False }}', 'True None False'],
    ["{{ [1, 'a', none, true, 2.0] }}", "[1, 'a', None, True, 2.0]"],
    ["{{ {'a': 1, \"b\": ['x']} }}", "{'a': 1, 'b': ['x']}"],
    ['{{ "it\'s" }} {{ ["it\'s"] }} {{ [\'"\'] }}', "it's [\"it's\"] ['\"']"],
    ["{{ 'a' 'b' ~ 1 ~ none ~ true }}", 'ab1NoneTrue'],
    ['{{ 1 + 2 * 3 - 4 }} {{ (1 + 2) * 3 }} {{ -2 ** 2 }}', '3 9 4'],
    ["{{ 1 if true else 2 }}{{ 'x' if false }}{{ 1 if false else 2 if false else 3 }}", '13'],
    ["{{ not true or true and false }} {{ 1 and 0 or 'x' }}", 'False x'],
    [
      "{{ 1 < 2 < 3 }} {{ 1 < 3 < 2 }} {{ 'a' in 'cat' }} {{ 4 not in [1,2] }} {{ 'k' in {'k': 1} }}",
      'True False True True True',
    ],
    [
      "{{ x.y }} {{ x['y'] }} {{ x.z is defined }} {{ z is not defined }} {{ x.z | default('d') }} {{ x.z | default }}|",
      'Y Y False True d |',
      { x: { y: 'Y' } },
    ],
    ["{{ '' | default('d', true) }} {{ '' | default('d') }}| {{ none | d('d', boolean=true) }}", 'd | d'],
    [
      "{{ 'hello'[1] }} {{ 'hello'[-1] }} {{ 'hello'[1:3] }} {{ 'hello'[::-1] }} {{ 'hello'[:-1] }} {{ [1,2,3][1:] }} {{ [1,2,3][-2:] }}",
      'e o el olleh hell [2, 3] [2, 3]',
    ],
    ['{{ s | length }} {{ s[1:] }} {{ s | upper }}', '2 é 😀É', { s: '😀é' }],
    [
      '{% for i in [1,2,3] %}{{ loop.index }}{{ loop.first }}{{ loop.last }}{{ loop.revindex0 }}{% if not loop.last %},{% endif %}{% endfor %}',
      '1TrueFalse2,2FalseFalse1,3FalseTrue0',
    ],
    ['{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %}', 'a=1;b=2;', { d: { a: 1, b: 2 } }],
    [
      '{% for x in xs if x > 1 %}{{ loop.length }}{{ x }}{% else %}none{% endfor %}{% for x in [] %}{% else %}none{% endfor %}',
      '2223none',
      { xs: [1, 2, 3] },
    ],
    [
      '{% set x = 1 %}{% for i in [1] %}{% set x = 2 %}{{ x }}{% endfor %}{{ x }}{% if true %}{% set x = 3 %}{% endif %}{{ x }}',
      '213',
    ],
    ['{% set ns = namespace(n=0) %}{% for i in [1,2,3] %}{% set ns.n = ns.n + i %}{% endfor %}{{ ns.n }}', '6'],
    ['{% set a, b = 1, 2 %}{{ a }}{{ b }}', '12'],
    ['{% set c %}<{{ 1 }}>{% endset %}{{ c }}{{ c[1:] }}{{ c | length }}', '<1>1>3'],
    ['{% set c | upper %}abc{% endset %}{{ c }}', 'ABC'],
    ['a  {%- if true %}  b  {%- endif -%}  c', 'a  bc'],
    ['a\n{{- 1 -}}\n b\n', 'a1b'],
    ['x\n', 'x'],
    ['x\n\n', 'x\n'],
    ['{# c -#}  x {#- c #}', 'x'],
    ['{% raw %}{{ x }}{% endraw %}|{%- raw -%} a {%- endraw %} b', '{{ x }}|a b'],
    [
      "{{ xs | join(', ') }} {{ xs | first }} {{ xs | last }} {{ xs | sum }} {{ xs | max }} {{ xs | min }} {{ xs | reverse | list }}",
      '3, 1, 2 3 2 6 3 1 [2, 1, 3]',
      { xs: [3, 1, 2] },
    ],
    [
      "{{ xs | sort }} {{ xs | sort(reverse=true) }} {{ ['b','A','a'] | sort }} {{ ['b','A'] | sort(case_sensitive=true) }}",
      "[1, 2, 3] [3, 2, 1] ['A', 'a', 'b'] ['A', 'b']",
      { xs: [3, 1, 2] },
    ],
    [
      "{{ us | map(attribute='n') | list }} {{ us | map(attribute='a.b', default='-') | list }} {{ ['a'] | map('upper') | list }} {{ us | selectattr('on') | map(attribute='n') | list }} {{ us | rejectattr('n', 'eq', 'x') | list | length }}",
      "['x', 'y'] [1, '-'] ['A'] ['x'] 1",
      {
        us: [
          { n: 'x', on: true, a: { b: 1 } },
          { n: 'y', on: false, a: {} },
        ],
      },
    ],
    [
      "{{ us | sort(attribute='n') | map(attribute='n') | join }} {{ us | sum(attribute='v') }} {{ us | join('-', attribute='n') }}",
      'xy 3.5 y-x',
      {
        us: [
          { n: 'y', v: 1.5 },
          { n: 'x', v: 2 },
        ],
      },
    ],
    [
      "{{ [1,2,3,4] | select('even') | list }} {{ [1,0,2] | select | list }} {{ [1,2,3] | reject('gt', 1) | list }} {{ [1,1,2] | unique | list }} {{ [1,2,3] | batch(2) | list }} {{ [1,2,3] | batch(2, 'x') | list }}",
      "[2, 4] [1, 2] [1] [1, 2] [[1, 2], [3]] [[1, 2], [3, 'x']]",
    ],
    [
      "{{ 3.14159 | round(2) }} {{ 2.5 | round }} {{ 3.5 | round }} {{ 42 | round }} {{ 2.675 | round(2) }} {{ 1.1 | round(1, 'ceil') }} {{ 1.19 | round(1, 'floor') }} {{ 3.7 | int }} {{ '42' | int }} {{ 'x' | int(7) }} {{ '1.5' | float }} {{ 2 | float }} {{ -3 | abs }}",
      '3.14 2.0 4.0 42 2.67 1.1 1.1 3 42 7 1.5 2.0 3',
    ],
    [
      '{{ 1234.5 | round | int }} {{ 0.1 + 0.2 }} {{ 1e16 }} {{ 10 / 4 }} {{ 1 / 3 }}',
      '1234 0.30000000000000004 1e+16 2.5 0.3333333333333333',
    ],
    [
      "{{ 'hello world' | title }} {{ 'hELLO' | capitalize }} {{ '  x ' | trim }}| {{ 'xxaxx' | trim('x') }} {{ 'aaa' | replace('a', 'b', 2) }} {{ 'a-b' | upper | lower }}",
      'Hello World Hello x| a bba a-b',
    ],
    [
      "{{ 'a b c'.split() }} {{ 'a,b'.split(',') }} {{ ' x '.strip() }} {{ 'x'.upper() }} {{ ','.join(['a','b']) }} {{ 'abc'.startswith('a') }} {{ 'abc'.replace('b', 'x') }} {{ 'abc'.find('c') }} {{ 'abc'.find('z') }}",
      "['a', 'b', 'c'] ['a', 'b'] x X a,b True axc 2 -1",
    ],
    [
      "{{ d.get('a') }} {{ d.get('z') }} {{ d.get('z', 1) }} {{ d.keys() | list }} {{ d.values() | list }} {{ d['items'] }}",
      "1 None 1 ['a', 'items'] [1, 2] 2",
      { d: { a: 1, items: 2 } },
    ],
    [
      "{{ '%s has %d and %.2f' | format('x', 3, 1.5) }} {{ '%05.1f|%5s' | format(2.25, 'a') }}",
      'x has 3 and 1.50 002.2|    a',
    ],
    [
      "{{ 1 is number }} {{ 'a' is string }} {{ [] is iterable }} {{ {} is mapping }} {{ none is none }} {{ 3 is odd }} {{ 4 is divisibleby 2 }} {{ 4 is divisibleby(3) }} {{ 1 is not none }} {{ true is boolean }} {{ 1.0 is float }} {{ 1 is integer }} {{ 1 is eq 1 }} {{ 2 is in [1,2] }}",
      'True True True True True True True False True True True True True True',
    ],
    [
      "{{ {'b': 1, 'a': [none, true, 1.0, '<&>\\'']} | tojson }}",
      '{"a": [null, true, 1.0, "\\u003c\\u0026\\u003e\\u0027"], "b": 1}',
    ],
    ["{{ {'b': {'c': []}, 'a': {}} | tojson(indent=2) }}", '{\n  "a": {},\n  "b": {\n    "c": []\n  }\n}'],
    ["{{ {'é': 'ü😀\\u2028'} | tojson }}", '{"\\u00e9": "\\u00fc\\ud83d\\ude00\\u2028"}'],
    ['{{ range(3) | list }} {{ range(1, 4) | list }} {{ range(5, 0, -2) | list }}', '[0, 1, 2] [1, 2, 3] [5, 3, 1]'],
    ['{{ dict(a=1).a }} {{ (1, 2)[0] }} {{ [1, 2,] | length }} {{ ((1)) }}', '1 1 2 1'],
    ["{{ [1] + [2] }} {{ 'ab' * 2 }} {{ [0] * 2 }}", '[1, 2] abab [0, 0]'],
    [
      "{% for a in [1,2] %}{% for b in [1,2] %}{{ loop.depth }}{{ loop.cycle('x', 'y') }}{% endfor %}{% endfor %}",
      '1x1y1x1y',
    ],
    ['{% for x in [1,1,2] %}{{ loop.changed(x) }}{{ loop.previtem if not loop.first }}{% endfor %}', 'TrueFalse1True1'],
    ['{% with a = 1, b = 2 %}{{ a + b }}{% endwith %}{% filter upper %}x{{ 1 }}{% endfilter %}', '3X1'],
    ['{% if a %}1{% elif b %}2{% else %}3{% endif %}', '3', { a: 0, b: [] }],
    ["{{ 'a\\n\\t\\x41\\u00e9\\\\' }}", 'a\n\tAé\\'],
    ['{{ "a\\"b" }}', 'a"b'],
    ['{{ x.0 }} {{ x[0].a }} {{ x | first | length }}', "{'a': 1} 1 1", { x: [{ a: 1 }] }],
    [
      "{{ 'Hello there friend' | truncate(10) }} {{ 'Hello there' | truncate(8, true, '…', 0) }} {{ 'a b' | wordcount }} {{ 'a\nb' | indent(2) }}",
      'Hello... Hello t… 2 a\n  b',
    ],
    [
      "{% for k, v in {'b': 1, 'a': 2} | dictsort %}{{ k }}{{ v }}{% endfor %} {% for k, v in {'a': 1} | items %}{{ k }}{{ v }}{% endfor %} {{ '<' | e }}",
      'a2b1 a1 &lt;',
    ],
    [
      "{{ 1_000 }} {{ 5 is lt 6 }} {{ 'a' < 'b' }} {{ [1,2] < [1,3] }} {{ [1,2] == [1,2.0] }} {{ true == 1 }}",
      '1000 True True True True True',
    ],
    ['{{ -5 | abs }} {{ 5 - -3 }} {{ +3 }} {{ not 1 == 2 }}', '5 8 3 True'],
    ["{% for x in 'ab' %}{{ x }}-{% endfor %}{% for k in {'a': 1} %}{{ k }}{% endfor %}", 'a-b-a'],
    ['{%- for x in [1] -%} {{ x }} {%- endfor -%} !', '1!'],
    ['a\r\nb', 'a\nb'],
    [
      "{{ 'hELLO wORLD'.capitalize() }} {{ 'banana'.count('a') }} {{ 'abc'.endswith('c') }} {{ '12'.isdigit() }} {{ ''.isdigit() }} {{ 'A'.lower() }} {{ ' x '.lstrip() }}| {{ 'xxa'.lstrip('x') }} {{ ' x '.rstrip() }}| {{ 'aab'.replace('a', 'c', 1) }} {{ 'a b  c'.split(none, 1) }} {{ 'a,b,c'.split(',', 1) }} {{ 'a\nb\n'.splitlines() }} {{ \"it's a tést\".title() }} {{ ''.capitalize() }}",
      "Hello world 3 True True False a x | a  x| cab ['a', 'b  c'] ['a', 'b,c'] ['a', 'b'] It'S A Tést ",
    ],
    [
      '{% set l = [1,2] %}{% set _ = l.extend([3]) %}{% set _ = l.insert(0, 0) %}{{ l }} {{ l.pop() }} {{ l.pop(0) }} {{ l.index(2) }} {{ l.count(1) }} {{ l.copy() }}{% set _ = l.reverse() %}{{ l }}',
      '[0, 1, 2, 3] 3 0 1 1 [1, 2][2, 1]',
    ],
    [
      "{% set d = {'a': 1} %}{% set _ = d.update({'b': 2}) %}{{ d.setdefault('c', 3) }} {{ d.setdefault('a', 9) }} {{ d.pop('a') }} {{ d.pop('zz', 0) }} {{ d.copy() }} {{ d.values() | list }}",
      "3 1 1 0 {'b': 2, 'c': 3} [2, 3]",
    ],
    [
      "{{ 1 is callable }} {{ range is callable }} {{ 3 is even }} {{ false is false }} {{ 3 is ge 3 }} {{ 3 is gt(2) }} {{ 2 is lt 3 }} {{ 2 is le 1 }} {{ 'abc' is lower }} {{ 'ABC' is upper }} {{ '1' is lower }} {{ 1 is ne 2 }} {{ none is sameas none }} {{ 'a' is sequence }} {{ true is true }} {{ x is undefined }} {{ 1 is lessthan 2 }} {{ 1 is greaterthan 2 }} {{ 1 is equalto 1 }} {{ 5 is iterable }} {{ [1,2] is mapping }} {{ 2 is in([1,2]) }}",
      'False True False True True True True False True True False True True True True True True False True False False True',
    ],
    [
      "{{ [1,2,3] | select('>', 1) | list }} {{ [1,2] | select('==', 2) | list }} {{ [3,1] | select('<=', 2) | list }} {{ ['a', 'b'] | reject('in', ['a']) | list }}",
      "[2, 3] [2] [1] ['b']",
    ],
    [
      "{{ 'abc'['upper']() }} {{ {'a': 1}['get']('a') }} {{ [1,2][-1] }} {{ 'abc'[5] is defined }} {{ [1][3] is defined }} {{ {'1': 'x'}['1'] }}",
      'ABC 1 2 False False x',
    ],
    [
      "{{ [1,2,3,4,5][::2] }} {{ [1,2,3][::-1] }} {{ [1,2,3][5:] }} {{ 'abc'[-5:2] }} {{ [1,2,3,4][3:0:-2] }} {{ 'abc'[:none] }}",
      '[1, 3, 5] [3, 2, 1] [] ab [4, 2] abc',
    ],
    [
      "{{ ['b', 'a', 'C'] | sort | join }} {{ 'héllo wörld' | upper }} {{ ['é', 'z', '😀', '～'] | sort | join }} {{ [[2, 'a'], [1, 'b'], [1, 'a']] | sort }}",
      "abC HÉLLO WÖRLD zé～😀 [[1, 'a'], [1, 'b'], [2, 'a']]",
    ],
    [
      "{{ 1 == '1' }} {{ [] == {} }} {{ none == false }} {{ {'a': 1} == {'a': 1.0} }} {{ 'a' != 'b' }} {{ 1 <= 1.0 }} {{ 3 >= 4 }} {{ 1 in [true] }} {{ 'x' not in {'y': 1} }}",
      'False False False True True True False True True',
    ],
    [
      "{{ 'a\nb\\n' }} {{ [\"a'b\\\"c\"] }} {{ ['tab\t'] }} {{ {} }} {{ [] }} {{ -0.5 }} {{ 1e300 * 10 }} {{ 123456789.123 }} {{ 5 % -3 }} {{ 5.5 // 2 }} {{ -7 / 2 }} {{ 2 * 3.0 }}",
      "a\nb\n ['a\\'b\"c'] ['tab\\t'] {} [] -0.5 1e+301 123456789.123 -1 2.0 -3.5 6.0",
    ],
    [
      "{% set x = 'a' if true else 'b' %}{{ x }}{% set y = (1, 2) %}{{ y[1] }}{% set t = 1, %}{{ t | length }}{% for i in 1, 2, 3 %}{{ i }}{% endfor %}",
      'a21123',
    ],
    [
      "{{ [{'a': {'b': 2}}, {'a': {'b': 1}}] | sort(attribute='a.b') | map(attribute='a.b') | join(',') }} {{ [{'n': 1}, {'n': 1}] | unique(attribute='n') | list | length }} {{ [{'n': 2}, {'n': 5}] | max(attribute='n') }} {{ ['B', 'a'] | min }} {{ [1, 2] | sum(start=10) }} {{ ['a', 'b'] | map('replace', 'a', 'x') | join }}",
      "1,2 1 {'n': 5} a 13 xb",
    ],
    [
      "{% for x in [1,2,3] if x is odd %}{{ loop.index }}:{{ x }}{{ ' ' if not loop.last }}{% endfor %}|{% for a in [] %}x{% else %}{% set q = 1 %}{{ q }}{% endfor %}",
      '1:1 2:3|1',
    ],
    [
      "{% set ns = namespace({'a': 1}, b=2) %}{{ ns.a }}{{ ns.b }}{% set ns.c = 3 %}{{ ns.c }} {{ dict({'a': 1}, b=2) }}",
      "123 {'a': 1, 'b': 2}",
    ],
    [
      "{{ 'x' | indent(2, true) }}| {{ 'a\n\nb' | indent(1, blank=true) }} {{ [1,2,3,4,5] | batch(2) | map('first') | list }} {{ 'abc' | reverse }} {{ 'abc' | list }} {{ none | string }} {{ 'a & \"b\"' | escape }} {{ 12.0 | string }}",
      "  x| a\n \n b [1, 3, 5] cba ['a', 'b', 'c'] None a &amp; &#34;b&#34; 12.0",
    ],
    [
      "{{ 'foo bar baz' | truncate(7, leeway=0) }} {{ 'foobar' | truncate(3, leeway=0) }} {{ {'b': 2, 'a': 1} | dictsort(by='value') | map('first') | join }} {{ 'abc' | first }} {{ 'abc' | last }} {{ [3, 1] | sort | first }}",
      'foo... ... ab a c 1',
    ],
    [
      '{{ [none] | first }} {{ [none][0] }} {{ [none] | last }} {% for x in [none, 1] %}{{ loop.previtem if not loop.first }}{% endfor %} {{ x | default(none) }}',
      'None None None None None',
    ],
    [
      "{{ 2.5 | round }} {{ 0.125 | round(2) }} {{ 1234 | round(-2) }} {{ 1250.0 | round(-2) }} {{ '%.0f' | format(2.5) }} {{ '%.2f' | format(1.005) }} {{ '%.1f' | format(-0.25) }}",
      '2.0 0.12 1200 1200.0 2 1.00 -0.2',
    ],
  ];
  // What jinja2 3.1.6 gives.
  it.each([
    ['"1e3" | int', '1000'],
    ['"1_000" | int', '1000'],
    ['".5" | int(7)', '0'],
    ['"5." | int(7)', '5'],
    ['" 42 " | int(7)', '42'],
    ['"1__0" | int(7)', '7'],
    ['"_1" | int(7)', '7'],
    ['"1e400" | int(7)', '7'],
    ['"0x1f" | int(7)', '7'],
    ['"0x1f" | float', '0.0'],
    ['"0b1" | float(7)', '7'],
    ['"1_0.5" | float', '10.5'],
    ['"-1.5e1" | float', '-15.0'],
    ['"".splitlines()', '[]'],
    ['"\\n".splitlines()', "['']"],
    ['"a\\r\\nb\\n".splitlines()', "['a', 'b']"],
    ['"a\\u2028b\\vc\\r".splitlines()', "['a', 'b', 'c']"],
    ['"a\\x7fb" | tojson', '"a\\u007fb"'],
  ])('reads text as Python does: %s → %s', (expression, result) => {
    expect(renderIn(`{{ ${expression} }}`)).toBe(result);
  });

  it.each(cases)('%s → %s', (template, result, data = {}) => {
    expect(renderIn(template, data)).toBe(result);
  });

  const strict: [template: string, data?: Record<string, unknown>][] = [
    ['{{ x }}'],
    ['{{ x.y }}', { x: {} }],
    ['{{ x.y.z }}', { x: {} }],
    ['{{ x | tojson }}'],
    ['{{ [x] | tojson }}'],
    ['{{ x or 1 }}'],
    ['{{ x == 1 }}'],
    ['{{ "a" ~ x }}'],
    ['{% if x %}{% endif %}'],
    ['{% for y in x %}{% endfor %}'],
    ['{{ x | length }}'],
    ['{{ x[0] }}', { x: [] }],
    ['{{ x.append(1) }}', { x: 'text' }],
    ['{{ x() }}', { x: 1 }],
    ['{{ 1 / 0 }}'],
    ['{{ "a" + 1 }}'],
    ['{{ 1 < "a" }}'],
    ['{% set x.y = 1 %}', { x: {} }],
    ['{% for a, b in x %}{% endfor %}', { x: [[1]] }],
    ['{{ range(1000000) }}'],
    ['{{ "x" * 1000000000 }}'],
    ['{{ x.constructor }}', { x: {} }],
    ['{{ x.__proto__ }}', { x: {} }],
    ['{{ constructor }}'],
    ['{{ toString }}'],
    ['{{ x["constructor"]["constructor"] }}', { x: 'text' }],
  ];
  it.each(strict)('refuses to render %s', (template, data = {}) => {
    expect(codeOf(() => renderIn(template, data))).toBe('widget.render_failed');
  });

  const broken: [template: string, line: number][] = [
    ['{{ 1 +', 1],
    ['a\n{{ }}', 2],
    ['{% if x %}', 1],
    ['\n{% endif %}', 2],
    ['{% for x %}{% endfor %}', 1],
    ['{{ x | sparkle }}', 1],
    ['{{ x is sparkling }}', 1],
    ['{% include "x" %}', 1],
    ['{# never closed', 1],
    ['{{ "never closed }}', 1],
    ['{{ [1, 2 }}', 1],
    ['{{ 1 2 }}', 1],
    ['{{ a[] }}', 1],
    ['{% if a %}{% else b %}{% endif %}', 1],
    ['{{ @ }}', 1],
    ['{{ ) }}', 1],
  ];
  it.each(broken)('refuses to read %s', (template, line) => {
    try {
      templateOf(template);
      expect.unreachable();
    } catch (error) {
      expect(isChatKitError(error, 'widget.invalid_template')).toBe(true);
      expect((error as { details: object }).details).toEqual({ line });
    }
  });

  it('refuses other versions, other roots and what is no JSON', () => {
    expect(codeOf(() => createWidgetTemplate({ version: '2.0', name: 'n', template: '{}' }))).toBe(
      'widget.invalid_template',
    );
    expect(codeOf(() => templateOf('{"type":"Row"}').build())).toBe('widget.render_failed');
    expect(codeOf(() => templateOf('[1]').build())).toBe('widget.render_failed');
    expect(codeOf(() => templateOf('{').build())).toBe('widget.render_failed');
  });

  it('keeps the name and the schema, and does not enforce the schema', () => {
    const template = createWidgetTemplate({
      version: '1.0',
      name: 'n',
      template: '{"type":"Card"}',
      jsonSchema: { required: ['x'] },
    });
    expect(template.name).toBe('n');
    expect(template.jsonSchema).toEqual({ required: ['x'] });
    expect(template.build()).toEqual({ type: 'Card' });
  });

  it('never changes the data', () => {
    const data = { items: [1], map: { a: 1 } };
    expect(renderIn('{% set _ = items.append(2) %}{% set _ = map.update({"b": 2}) %}{{ items }}{{ map }}', data)).toBe(
      "[1, 2]{'a': 1, 'b': 2}",
    );
    expect(data).toEqual({ items: [1], map: { a: 1 } });
  });

  it('tojson gives JSON of the same value, whatever the value', () => {
    fc.assert(
      fc.property(json, (value) => {
        expect(JSON.parse(renderIn('{{ value | tojson }}', { value }))).toEqual(value);
        expect(JSON.parse(renderIn('{{ value | tojson(indent=2) }}', { value }))).toEqual(value);
      }),
    );
  });

  it('reads any text or says what is wrong with it', () => {
    const piece = fc.constantFrom('{{', '}}', '{%', '%}', '{#', '#}', '-', ' ', '"', "'", '\\', 'if', 'for', 'in', 'x');
    const more = fc.constantFrom(
      'set',
      'endset',
      'endif',
      'endfor',
      'else',
      '|',
      '(',
      ')',
      '[',
      ']',
      '{',
      '}',
      ':',
      '1',
      '.',
      '~',
      '=',
      ',',
      '\n',
    );
    fc.assert(
      fc.property(fc.array(fc.oneof(piece, more), { maxLength: 30 }), (pieces) => {
        expect([undefined, 'widget.invalid_template', 'widget.render_failed']).toContain(
          codeOf(() => renderIn(pieces.join(''), { x: [1, 'a'] })),
        );
      }),
      { numRuns: 2_000 },
    );
  });

  // Templates are exchanged as files: one that goes on for ever, or fills the memory, would take its server with it.
  const twice = (how: string) =>
    `{% set n = namespace(x=['a']) %}{% for i in range(99) %}{% set n.x = ${how} %}{% endfor %}{{ n.x }}`;
  it.each([
    ['lists that are joined to themselves', twice('n.x + n.x')],
    ['lists in lists', twice('[n.x, n.x]')],
    ['lists in lists, as JSON', twice('[n.x, n.x] | tojson')],
    ['text that is joined to itself', twice('[n.x, n.x] | join')],
    ['text that is replaced by itself', twice('(n.x | string) | replace("a", "aaaaaaaaaa")')],
    ['loops in loops', '{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}'],
    ['comparisons in loops', '{% set x = range(9999) | list %}{% for i in x %}{{ i in x }}{% endfor %}'],
    ['a list that contains itself', '{% set x = [1] %}{% set y = x.append(x) %}{{ x }}'],
    ['insertions', '{% set x = [] %}{% for i in range(99999) %}{% set y = x.insert(0, i) %}{% endfor %}{{ x }}'],
    ['a fraction of a step', '{{ [1, 2][0:2:0.00000001] }}'],
    ['a batch of more than there is', '{{ [1] | batch(999999999, 0) }}'],
    ['more spaces than there is room for', '{{ "a\\nb" | indent(999999999) }}{{ "%999999999d" | format(1) }}'],
    ['an indent of JSON', '{{ [1] | tojson(999999999) }}'],
  ])('refuses what would exhaust the process: %s', (_what, template) => {
    expect(codeOf(() => renderIn(template))).toBe('widget.render_failed');
  });

  it.each([
    ['brackets', `{{ ${'('.repeat(50_000)}1${')'.repeat(50_000)} }}`],
    ['a character that does not exist', '{{ "\\Uffffffff" }}'],
  ])('refuses what it cannot read: %s', (_what, template) => {
    expect(codeOf(() => renderIn(template))).toBe('widget.invalid_template');
  });

  it('has room for a list of thousands', () => {
    const rows = Array.from({ length: 3_000 }, (_, at) => ({ name: `n${at}`, tags: ['a', 'b'], size: at % 7 }));
    const template = `[{% for row in rows | sort(attribute='size') %}{% if row.size > 0 %}{{ row | tojson }},{% endif %}{{ row.tags | join(', ') | upper | tojson }}{{ ',' if not loop.last }}{% endfor %}]`;
    expect(JSON.parse(renderIn(template, { rows }))).toHaveLength(5_571);
  });
});
