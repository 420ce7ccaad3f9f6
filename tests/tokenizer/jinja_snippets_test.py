"""The template language against PyPI jinja2: every operator, filter, test, method and statement, and white space."""

from tests.tokenizer import jinja_oracle as oracle

CONTEXT = {
    "i": 7, "n": -3, "z": 0, "f": 2.5, "g": 1e16, "h": 0.1, "t": True, "b": False, "o": None,
    "s": "Hello, World", "e": "", "u": "naïve ÉCOLE ß 日本 🙂", "w": "  \t x y \n", "m": "a\nb\n\n  c\r\nd", "q": "it's \"so\" <&>",
    "l": [3, 1, 2], "ls": ["b", "A", "c", "a"], "lm": [1, "x", None, 2.5, [1], {"k": 1}], "el": [],
    "d": {"b": 1, "a": [1, 2], "items": "own", "C": None}, "ed": {},
    "us": [{"name": "bo", "age": 3, "x": {"y": [5]}}, {"name": "Al", "age": 1, "x": {"y": [6]}}, {"name": "al", "age": 2}],
}

EXPRESSIONS = r"""
1 + 2 * 3 - 4 / 2 | 7 // 2 ~ -7 // 2 ~ 7 // -2 | 7 % 3 ~ -7 % 3 ~ 7 % -3 | 7.5 // 2 | -7.5 // 2 | 7.5 % 2 | -7.5 % 2
2 ** 3 ** 2 | -2 ** 2 | 2 ** -1 | 2.0 ** 0.5 | 0 ** 0 | 0 ** -1 | 10 ** 18 | 1 / 3 | 1 / 0 | 1 // 0 | 1 % 0
1.0 / 0 | 5 / 5 | 1e308 * 10 | -(1e308 * 10) | 1e22 | 1e16 | 123456789012345680.0 | 0.0001 | 0.00001 | 1.5e-7 | 1_000 | 0x1F | 0o17
0b101 | 1e5 | 1.e5 | -0.0 | +i | -t | +t | -s | not i | not not i | not e == s | t + t | t * 3 | f + t | i + f | s + s | s + i
i + s | l + l | (1,) + (2, 3) | l + (1,) | s * 2 | 2 * s | s * -1 | l * 2 | (1, 2) * 2 | s * f | s - s | o + 1 | x + 1 | 1 + x | s ~ x
~1 | i ~ f ~ t ~ o ~ l ~ d | 'a' 'b' "c" | 'a\nb\t\\\'\"\x41\u00e9\101\q' | "\U0001F642" | 'é\n' | i < 8 | i < 8 < 9 | 1 < 2 > 1 == t
i == 7.0 | 1 == t | 'a' < 'b' | 'Z' < 'a' | [1, 2] < [1, 3] | [1] < [1, 0] | (1, 'a') < (1, 'b') | 1 < 'a' | o < 1 | x < 1 | 1 < x | x == x | x == y
x == o | x != 1 | l == [3, 1, 2] | (1, 2) == [1, 2] | d == d | {'a': 1, 'b': 2} == {'b': 2, 'a': 1} | l is sameas l | i > 3 and s | i > 9 and s | e or s
e or o | o and x | 1 or x.y | i if t else s | i if b else s | i if b | (i if b) is undefined | 1 if b else 2 if b else 3 | 'lo' in s | '' in s | 'zz' not in s
3 in l | '3' in l | 'a' in d | 'zz' in d | l in d | 1 in s | 1 in i | 1 in o | x in l | 1 in x | x in s | 'a' in ls and 'q' not in ls | 2 in range(3) | 2.0 in range(3)
2.5 in range(3) | [1, 2, 3][1] | l[0] | l[-1] | l[9] | l[9] is undefined | l['a'] | l.0 | s[0] | s[-1] | s[99] | u[2] | u[-1] | u[6] | d['b'] | d.b | d.a.0 | d.a[1]
d.zz | d.zz.y | d['zz'] | d['zz']['y'] | d[l] | d[1] | o.x | o['x'] | i.x | i[0] | f.x | x.y | x['y'] | x[0] | x() | s() | d['items'] | d.keys is callable
us[0].name | us[0].x.y[0] | us[2].x is defined | us[2].x.y | us[0]['x']['y'][-1] | l[1:] | l[:2] | l[::-1] | l[::2] | l[-2:] | l[5:] | l[2:1] | l[::0] | l['a':]
s[1:4] | s[::-1] | s[-3:] | s[10:2:-2] | u[1:3] | u[::-1] | u[::2] | u[-3:-1] | (1, 2, 3)[1:] | range(10)[2:8:3] | range(5)[::-1] | d[1:] | o[1:] | x[1:] | i[1:]
e[1:] | l[1:2, 1] | [1, 'a', none, true, 1.5, [2], (3,), {'k': 'v'}] | () | (1,) | (1, 2) | 1, 2 | {} | {'a': 1, 2: 'b', none: 1.0, true: 2} | {'a': 1, 'a': 2}
{1: 'a', 1.0: 'b', true: 'c'} | {[1]: 2} | ["it's", 'say "x"', 'both \' and "', '\\', 'a\nb\t\r', '\x00\x7f\u00a0\u200b\u00ad'] | [u] | [1e100, -0.0, 1e-5]
loop | loop.index | range(5) | range(2, 5) | range(5, 2) | range(0, 10, 3) | range(5, 0, -2) | range(3)[1] | range(3)[-1] | range(3) == range(0, 3) | range(0) | range(1, 2, 0)
range('a') | range(100001) | range(100000) | range(1.5) | dict(a=1, b=2) | dict([('a', 1)]) | dict({'a': 1}, b=2) | dict(1) | namespace(a=1).a | namespace(a=1).b
namespace({'a': 2}).a | cycler('a', 'b').current | joiner() is callable | true and True | false or False | none is none and None is none | 1 is defined | x is defined
(x is defined) or t | x is not defined | not x is defined | i is odd | i is even | z is even | f is odd | s is odd | i is divisibleby 7 | i is divisibleby(2) | i is divisibleby 0
1.0 is integer | 1 is integer | t is integer | t is number | f is float | 1 is float | f is number | s is number | s is string | 1 is string | l is sequence | s is sequence | d is sequence
d is mapping | l is mapping | i is iterable | s is iterable | d is iterable | o is iterable | x is iterable | x is sequence | x is mapping | x is callable | range is callable | s.upper is callable
s is callable | d is callable | o is none | x is none | t is true | 1 is true | b is false | 0 is false | t is boolean | 1 is boolean | 'abc' is lower | 'aBc' is lower | 'ABC' is upper
'12' is lower | 'É' is upper | 'ß' is lower | e is upper | 3 is in l | 3 is in(l) | 'q' is not in ls | i is eq 7 | i is == 7 | i is equalto(7) | i is ne 7 | i is lt 8 | i is le 7
i is gt 7 | i is ge 7 | i is lessthan 9 | i is greaterthan 9 | 'upper' is filter | 'nope' is filter | 'odd' is test | o is sameas none | 1 is sameas true | 's' is escaped | ('s'|safe) is escaped
1 is nope | i is string is true | t is sameas true | not o is none | i is odd and f is float | range(2) is sequence | range(2) is iterable | d.items() is iterable | d.items() is sequence
s.upper() | s.lower() | u.upper() | u.lower() | u.title() | u.capitalize() | u.swapcase() | 'hELLO wORLD'.title() | "they're b2b".title() | 'hELLO'.capitalize() | 'ΑΣ ΣΑΣ'.lower() | 'ﬁx'.upper()
'ǆ'.title() | 'İ'.lower() | 'ß'.capitalize() | w.strip() | w.lstrip() | w.rstrip() | s.strip('Hd') | s.lstrip('Hel') | s.rstrip('dlr') | s.strip('') | u.strip('n🙂') | '\u3000x\u00a0'.strip()
s.strip(1) | s.split() | w.split() | s.split('l') | s.split('l', 1) | s.split(', ') | s.split('') | s.split(none, 1) | ' a  b c '.split(none, 1) | ' a  b c '.rsplit(none, 1) | e.split() | e.split('x')
'a,b,,c'.split(',') | 'a,b,,c'.split(',', 2) | 'a,b,,c'.rsplit(',', 1) | 'a,b,,c'.rsplit(',') | 'aaa'.split('aa') | 'aaa'.rsplit('aa') | s.split(sep='o', maxsplit=1) | u.split(' ') | m.splitlines() | m.splitlines(true)
'\n\n'.splitlines() | e.splitlines() | 'a\x0bb\x1cc\u2028d\x85e'.splitlines() | s.startswith('He') | s.startswith(('x', 'H')) | s.startswith('') | s.startswith('l', 2) | s.startswith('l', 3, 4) | s.startswith(1)
s.endswith('ld') | s.endswith(('x', 'd')) | s.endswith('o', 0, 5) | s.endswith('') | s.replace('l', 'L') | s.replace('l', 'L', 1) | s.replace('', '-') | s.replace('', '-', 3) | u.replace('', '.') | e.replace('', 'x')
s.replace('l', '') | s.replace(1, 2) | 'aaaa'.replace('aa', 'b') | s.find('o') | s.find('o', 5) | s.find('o', 5, 6) | s.find('zz') | s.find('') | s.find('', 99) | u.find('日') | u.find('🙂') | s.rfind('o') | s.rfind('o', 0, 5)
u.rfind(' ') | s.index('W') | s.index('zz') | s.rindex('l') | s.count('l') | s.count('') | s.count('l', 4) | 'aaaa'.count('aa') | u.count('') | ', '.join(ls) | ''.join([]) | '-'.join('abc') | ','.join([1, 2]) | ','.join(d)
s.partition(', ') | s.partition('zz') | s.rpartition('o') | s.rpartition('zz') | s.partition('') | 'x'.center(6, '*') | 'x'.center(7) ~ '|' | 'ab'.center(5, '*') | 'x'.ljust(3, '.') | 'x'.rjust(3, '.') | 'é'.rjust(3, '.') | 'x'.ljust(3, 'ab')
'42'.zfill(5) | '-42'.zfill(5) | '+4'.zfill(1) | s.removeprefix('Hello') | s.removeprefix('x') | s.removesuffix('World') | s.removesuffix('') | 'abc'.isalpha() | 'ab1'.isalnum() | '12'.isdigit() | '²'.isdigit() | '²'.isdecimal() | '½'.isnumeric()
' \t'.isspace() | e.isspace() | e.isalpha() | 'é日'.isalpha() | 'abc'.islower() | 'ABC1'.isupper() | 'é'.isascii() | 'a'.isascii() | '{} and {}'.format(1, 'x') | '{1}{0}{1}'.format('a', 'b') | '{a}-{b!r}'.format(a=1, b='q') | '{{}}'.format()
'{}'.format() | '{'.format() | '}'.format(1) | '{x}'.format(1) | d.keys() | d.values() | d.items() | d.items()|list | d.get('b') | d.get('zz') | d.get('zz', 5) | d.get() | d.get('a', 1, 2) | d.copy() == d | ed.keys()|list | l.index(1) | l.index(9)
l.count(1) | (1, 2).index(2) | (1, 1).count(1) | l.append(4) | l.append | l.pop() | l.sort() | d.update({}) | d.pop('a') | d.clear() | d.setdefault('q', 1) | s.__class__ | s.nope() | l.nope() | d.nope() | x.nope() | s.upper(1) | l.copy()
"%s is %d" % ('x', 5) | '%s' % 'a' | '%s' % l | '%5.2f|%-5s|%05d|%+d|% d' % (f, 'a', 3, 4, 5) | '%x %X %o %#x' % (255, 255, 8, 255) | '%e %g %G' % (12345.678, 0.00001, 1e20) | '%r' % s | '%c%c' % (65, 'é') | '%%' % () | '%(a)s' % {'a': 1} | '%d' % 'x'
'%d' % 2.9 | '%s' % (1, 2) | '%s %s' % 1 | '%z' % 1 | '%' % 1 | '%.2s' % 'abc' | '%*d' % (5, 3) | '%s' % x | 5 % 'a' | '%i' % t | '%.3d' % 7 | '%s' % d | 'x' % {} | 'x' % l | '%(a)s %(b)s' % {'a': 1}
[1] <= [1] | [1, 2] <= [1] | [1] <= [1, 2] | [1, 3] >= [1, 2] | (1,) >= (1, 0) | [1] < [1] | [] <= [] | [2] > [1, 5] | (1, 'a') < (1, 'b') | [1] >= [1]
"""

FILTERS = r"""
i|string ~ 'x' ;; f|string ;; o|string ;; x|string ;; l|string ;; s|upper ;; s|lower ;; i|upper ;; o|upper ;; x|upper ;; u|title ;; 'foo-bar (baz [x <y {z'|title ;; "it's"|title ;; u|capitalize ;; w|trim ~ '|' ;; s|trim('Hd')
i|trim ;; x|trim ;; s|length ;; u|length ;; l|length ;; d|count ;; x|length ;; i|length ;; o|length ;; d.items()|length ;; range(4)|length ;; (l|map('string'))|length ;; ls|join ;; ls|join(', ') ;; lm|join('|') ;; us|join(',', attribute='name')
us|join(',', 'age') ;; s|join('-') ;; d|join(',') ;; x|join ;; i|join ;; ls|join(1) ;; l|first ;; l|last ;; e|first ;; el|last ;; s|first ;; s|last ;; d|first ;; d|last ;; x|first ;; o|first ;; (ls|map('upper'))|first ;; s|replace('l', 'L')
s|replace('l', 'L', 1) ;; i|replace(7, 8) ;; x|replace('a', 'b') ;; o|replace('o', '0') ;; x|default('D') ;; x|default ;; e|default('D') ;; e|default('D', true) ;; o|d('D') ;; o|d('D', boolean=true) ;; x.y|default(1) ;; d.zz|default(1) ;; x|d(none)
d|items|list ;; x|items|list ;; l|items|list ;; s|list ;; u|list ;; d|list ;; range(3)|list ;; x|list ;; i|list ;; (1, 2)|list ;; us|map(attribute='name')|list ;; us|map(attribute='x.y.0')|list ;; us|map(attribute='x.y', default='-')|list
us|map(attribute='nope')|list ;; us|map(attribute='nope', default=0)|list ;; ls|map('upper')|join ;; ls|map('replace', 'a', 'X')|list ;; l|map('nope')|list ;; l|map|list ;; l|map('default', 1)|list ;; us|map('attr', 'name')|list ;; lm|map('string')|list
el|map('nope')|list ;; l|map(attribute='a', foo=1)|list ;; l|select|list ;; lm|select('string')|list ;; lm|select('number')|list ;; l|select('odd')|list ;; l|reject('odd')|list ;; l|select('gt', 1)|list ;; l|select('>', 1)|list ;; lm|reject|list
l|select('nope')|list ;; l|select('in', [1, 2])|list ;; us|selectattr('age')|list|length ;; us|selectattr('age', 'gt', 1)|map(attribute='name')|list ;; us|selectattr('name', 'equalto', 'bo')|list ;; us|rejectattr('x')|list ;; us|rejectattr('age', 'in', [1, 2])|list
us|selectattr('x', 'defined')|list|length ;; us|selectattr('x.y', 'defined')|list ;; l|selectattr|list ;; us|selectattr('name', '==', 'Al')|first ;; l|sort ;; ls|sort ;; ls|sort(case_sensitive=true) ;; ls|sort(true) ;; ls|sort(reverse=true, case_sensitive=true)
lm|sort ;; us|sort(attribute='age')|map(attribute='name')|list ;; us|sort(attribute='name,age')|map(attribute='age')|list ;; us|sort(attribute='name', reverse=true)|map(attribute='age')|list ;; d|sort ;; s|sort|join ;; x|sort ;; (1, 3, 2)|sort ;; us|sort
ls|unique|list ;; ls|unique(true)|list ;; ['a', 'A', 'b']|unique|list ;; [1, 1.0, true, 2]|unique|list ;; [[1], [1]]|unique|list ;; us|unique(attribute='name')|map(attribute='age')|list ;; l|reverse|list ;; s|reverse ;; u|reverse ;; d|reverse|list ;; i|reverse
range(3)|reverse|list ;; (l|reverse) is iterable ;; d.items()|reverse|list ;; '42'|int ;; ' 42 '|int ;; '42.9'|int ;; 'x'|int ;; 'x'|int(5) ;; 'x'|int(default=-1) ;; f|int ;; -2.7|int ;; o|int ;; x|int ;; t|int ;; '1_000'|int ;; '_1'|int ;; 'ff'|int(base=16) ;; '0xff'|int(0, 16)
'0xff'|int(0, 0) ;; '0b11'|int(0, 2) ;; '-12'|int ;; '+12'|int ;; '--1'|int ;; '1e3'|int ;; 'inf'|int ;; 'nan'|int ;; e|int ;; l|int ;; '2.5'|float ;; 'x'|float ;; 'x'|float(1.5) ;; i|float ;; o|float ;; 'inf'|float ;; '-Infinity'|float ;; 'nan'|float ;; ' 1e5 '|float
'1_0.5'|float ;; '0x10'|float ;; x|float ;; t|float ;; n|abs ;; -2.5|abs ;; t|abs ;; s|abs ;; x|abs ;; f|round ;; 3.5|round ;; 2.675|round(2) ;; 1234.5|round(-2) ;; 1250.0|round(-2) ;; i|round ;; 15|round(-1) ;; 25|round(-1) ;; 35|round(-1) ;; -15|round(-1) ;; 2.1|round(0, 'ceil')
2.9|round(0, 'floor') ;; 2.123|round(2, 'ceil') ;; 2.129|round(2, method='floor') ;; i|round(1, 'floor') ;; f|round(1, 'nope') ;; s|round ;; 1e300|round(2) ;; 60.0|round(-2) ;; 0.5|round ;; 1.5|round ;; -0.4|round ;; l|sum ;; us|sum(attribute='age') ;; l|sum(start=10) ;; el|sum
ls|sum ;; [1.5, 2]|sum ;; [[1], [2]]|sum(start=[]) ;; us|sum('age', 5) ;; l|min ;; l|max ;; ls|min ;; ls|max ;; ls|max(true) ;; el|min ;; el|max is undefined ;; us|min(attribute='age') ;; us|max(attribute='name') ;; lm|max ;; s|max ;; m|indent ;; m|indent(2) ;; m|indent(2, true)
m|indent(first=true, blank=true) ;; m|indent('> ') ;; e|indent ;; i|indent ;; e|indent(2, true) ;; q|escape ;; q|e ;; q|safe ;; (q|e)|e ;; (q|e) + '<' ;; '<' + (q|safe) ;; (q|safe) ~ '<' ;; [q|safe] ;; q|forceescape ;; q|safe|forceescape ;; (q|safe) * 2 ;; (q|safe)|upper ;; o|e ;; x|e
d|dictsort ;; d|dictsort(true) ;; {'b': 1, 'a': 2}|dictsort(by='value') ;; d|dictsort(reverse=true) ;; d|dictsort(by='x') ;; l|dictsort ;; d|dictsort(false, 'value') ;; l|batch(2)|list ;; l|batch(2, '-')|list ;; range(7)|batch(3, 0)|list ;; l|slice(2)|list ;; range(7)|slice(3, 'x')|list ;; el|slice(2)|list
el|batch(2)|list ;; s|wordcount ;; u|wordcount ;; i|wordcount ;; e|wordcount ;; s|truncate(5) ;; s|truncate(8, true, '') ;; s|truncate(5, false, '..', 0) ;; 'foo bar baz qux'|truncate(9) ;; 'foo bar baz qux'|truncate(11, leeway=0) ;; 'foo bar baz qux'|truncate(9, true) ;; s|truncate(2) ;; s|center(20) ;; e|center(3)
'%s-%d'|format('a', 3) ;; '%(a)s'|format(a=1) ;; '%s'|format ;; '%s'|format(1, a=2) ;; s|attr('upper') is callable ;; d|attr('b') ;; l|nope ;; s|upper|lower|title ;; s|upper() ;; s|upper(1) ;; s|replace ;; s|replace('a') ;; s|join(',', 'x', 'y') ;; -3|abs ;; -f|abs ;; i + 3|string|length
d|tojson ;; lm|tojson ;; u|tojson ;; q|tojson ;; '\x00\x1f\x7f\u2028\b\f'|tojson ;; u|tojson(ensure_ascii=true) ;; '\x7f'|tojson(true) ;; d|tojson(indent=2) ;; d|tojson(indent='\t') ;; d|tojson(indent=0) ;; {'b': 1, 'a': {'d': 1, 'c': 2}}|tojson(sort_keys=true) ;; d|tojson(separators=(',', ':')) ;; [1, 2]|tojson(separators=[' ; ', '='])
lm|tojson(indent=1, separators=(' ,', ' : ')) ;; [[], {}, [[]]]|tojson(indent=2) ;; 1.0|tojson ;; 1e100|tojson ;; ('inf'|float)|tojson ;; ('nan'|float)|tojson ;; none|tojson ;; true|tojson ;; (1, 2)|tojson ;; {1: 2, none: 3, true: 4, 1.5: 5}|tojson ;; {(1, 2): 3}|tojson ;; x|tojson ;; range(2)|tojson ;; d.items()|tojson ;; [x]|tojson
(l|map('string'))|tojson ;; {'a': 1, 2: 3}|tojson(sort_keys=true) ;; s|tojson(nope=1) ;; strftime_now('%Y-%m-%d %H:%M %d %b %B %A %%') ;; strftime_now('') ;; strftime_now() ;; strftime_now(5) ;; raise_exception('no: ' ~ s) ;; raise_exception(5) ;; raise_exception() ;; raise_exception("a\nb ü")
us|groupby('age') ;; us|groupby('name') ;; us|groupby('name', case_sensitive=true) ;; us|groupby('nope', default='-') ;; us|groupby('nope') ;; us|groupby ;; l|groupby('x') ;; el|groupby('x') ;; (us|groupby('age'))[0].grouper ;; (us|groupby('age')|first).list|length ;; us|groupby('name')|map(attribute='grouper')|list ;; us|groupby('age')|map(attribute='list')|map('length')|list ;; (1, 2).list ;; (us|groupby('age')|last)[1] ;; [{'k': 'b'}, {'k': 'B'}, {'k': 'a'}]|groupby('k') ;; us|groupby('x.y', '?')
"""

STATEMENTS = [
    "{% for x in l %}{{ loop.index }}{{ loop.index0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.previtem }}{{ loop.nextitem }}{{ loop.depth }}{{ loop.depth0 }};{% endfor %}",
    "{% for x in l %}{{ loop.cycle('a', 'b') }}{{ loop.changed(x > 1) }}{{ loop }}{% endfor %}",
    "{% for u in us recursive %}{{ u.name }}{{ loop.depth }}{{ loop.depth0 }}{% if u.x %}[{{ loop(us[:1]) if loop.depth < 4 }}]{% endif %}{% endfor %}",
    "{% for x in [1, [2, [3, []], 4]] recursive %}{{ loop.index }}{{ '(' ~ loop(x) ~ ')' if x is iterable else x }}{% else %}-{% endfor %}",
    "{% for x in [1, [2, 3]] if x != 2 recursive %}{% set y = x %}{% if x is iterable %}{{ loop(x)|length }}{% else %}{{ y }}{% if x == 1 %}{% continue %}{% endif %}{% endif %};{% endfor %}",
    "{% set a = 1 %}{% for x in [[1, 2]] recursive %}{{ a }}{{ b }}{% set b = 5 %}{{ b }}{% if x is iterable %}{{ loop(x) }}{% endif %}{% endfor %}",
    "{% for g in us|groupby('age') %}{{ g.grouper }}:{{ g.list|map(attribute='name')|join }} {% endfor %}{% for a, b in us|groupby('name') %}{{ a }}{{ b|length }}{% endfor %}",
    "{% for x in l recursive %}{{ loop() }}{% endfor %}", "{% for x in l recursive %}{{ loop(l, l) }}{% endfor %}", "{% for x in l %}{{ loop([]) }}{% endfor %}",
    "{% for x in l recursive %}{{ loop(5) }}{% endfor %}", "{% for x in l recursive %}{{ loop([x]) }}{% endfor %}", "{% for x in [[1], [2]] recursive %}{% for y in l %}{{ loop.index }}{% endfor %}{% endfor %}",
    "{% for x in l %}{{ loop.cycle() }}{% endfor %}", "{% for x in el %}a{% else %}none{% endfor %}", "{% for x in y %}a{% else %}none{% endfor %}",
    "{% for k, v in d.items() %}{{ k }}={{ v }},{% endfor %}", "{% for k in d %}{{ k }}{% endfor %}", "{% for k, v in d|dictsort %}{{ k }}{{ v }}{% endfor %}",
    "{% for a, b in [(1, 2), [3, 4], 'xy'] %}{{ a }}{{ b }}{% endfor %}", "{% for a, b in [(1, 2, 3)] %}{% endfor %}", "{% for a, b in [(1,)] %}{% endfor %}", "{% for a, b in [1] %}{% endfor %}",
    "{% for a, (b, c) in [(1, (2, 3))] %}{{ a }}{{ b }}{{ c }}{% endfor %}", "{% for x in l if x > 1 %}{{ x }}{{ loop.index }}/{{ loop.length }}{% else %}no{% endfor %}", "{% for x in l if x > 9 %}{{ x }}{% else %}no{% endfor %}",
    "{% for x in 5 %}{% endfor %}", "{% for x in none %}{% endfor %}", "{% for c in u %}[{{ c }}]{% endfor %}", "{% for x in 1, 2, 3 %}{{ x }}{% endfor %}", "{% for x in range(3) %}{% for y in range(x) %}{{ loop.index }}{{ x }}{{ y }} {% endfor %}{{ loop.index }}{% endfor %}",
    "{% for x in l %}{% if x == 1 %}{% break %}{% endif %}{{ x }}{% endfor %}", "{% for x in l %}{% if x == 1 %}{% continue %}{% endif %}{{ x }}{% endfor %}", "{% for x in l %}{% break %}{% else %}e{% endfor %}", "{% for x in l %}{% continue %}{% else %}e{% endfor %}", "{% for x in l %}{% if x > 1 %}{% continue %}{% endif %}{% else %}e{% endfor %}", "{% break %}",
    "{% set x = 1 %}{% for i in l %}{% set x = i %}{{ x }}{% endfor %}{{ x }}", "{% for i in l %}{{ x }}{% set x = i %}{% endfor %}", "{% if t %}{% set x = 5 %}{% endif %}{{ x }}", "{% if b %}{% set s = 5 %}{% endif %}{{ s }}",
    "{% for s in s[:2] %}{{ s }}{% endfor %}{{ s }}", "{% set ns = namespace(n=0) %}{% for x in l %}{% set ns.n = ns.n + x %}{% endfor %}{{ ns.n }}{{ ns }}", "{% set ns = namespace() %}{% set ns.a, b = 1, 2 %}{{ ns.a }}{{ b }}", "{% set s.a = 1 %}", "{% set zz.a = 1 %}", "{% set d.a = 1 %}",
    "{% set a, b = 1, 2 %}{{ a }}{{ b }}", "{% set a, b = [1] %}", "{% set (a, b) = (1, 2) %}{{ a + b }}", "{% set a = 1, 2 %}{{ a }}", "{% set a %}x{{ i }}y{% endset %}{{ a }}{{ a is string }}", "{% set a | upper | replace('X', 'z') %}x{{ s }}{% endset %}{{ a }}", "{% set a %}{% set inner = 1 %}{{ inner }}{% endset %}{{ a }}{{ inner }}",
    "{% if i > 9 %}a{% elif i > 5 %}b{% elif i > 3 %}c{% else %}d{% endif %}", "{% if x %}a{% endif %}", "{% if x is defined and x.y %}a{% else %}b{% endif %}", "{% if not x %}a{% endif %}", "{% if 0.0 %}a{% endif %}{% if '0' %}b{% endif %}{% if [0] %}c{% endif %}{% if ed %}d{% endif %}", "{% if d.items() %}a{% endif %}{% if ed.items() %}b{% endif %}{% if range(0) %}c{% endif %}{% if el|map('int') %}d{% endif %}",
    "{% macro m(a, b=2, c=b) %}{{ a }}{{ b }}{{ c }}{% endmacro %}{{ m(1) }}|{{ m(1, 3) }}|{{ m(c=1, a=2) }}|{{ m() }}", "{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1, 2) }}", "{% macro m(a) %}{{ a }}{% endmacro %}{{ m(z=1) }}", "{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1, a=2) }}", "{% macro m(a) %}{{ a is defined }}{{ a }}{% endmacro %}{{ m() }}", "{% macro m(a) %}{{ a.b }}{% endmacro %}{{ m() }}",
    "{% macro m() %}{{ varargs }}{{ kwargs }}{% endmacro %}{{ m(1, 2, x=3) }}", "{% macro m(a) %}{{ a }}{{ varargs|join }}{% endmacro %}{{ m(*[1, 2, 3]) }}{{ m(**{'a': 4}) }}", "{% macro m() %}x{% endmacro %}{{ m }}{{ m.name }}{{ m.arguments }}{{ m() is string }}{{ m is callable }}", "{% macro f(n) %}{{ n }}{% if n > 0 %}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(5) }}",
    "{% macro m() %}[{{ caller() }}]{% endmacro %}{% call m() %}in {{ i }}{% endcall %}", "{% macro m() %}{{ caller(1, 2) }}{% endmacro %}{% call(a, b) m() %}{{ a }}{{ b }}{% endcall %}", "{% macro m() %}{{ caller is defined }}{{ caller }}{% endmacro %}{{ m() }}", "{% macro m() %}a{% endmacro %}{% call m() %}x{% endcall %}", "{% macro m() %}{{ caller() }}{% endmacro %}{{ m() }}", "{% macro m(caller=none) %}{{ caller() if caller else 'no' }}{% endmacro %}{{ m() }}{% call m() %}y{% endcall %}",
    "{% set x = 1 %}{% macro m() %}{{ x }}{% set x = 2 %}{{ x }}{% endmacro %}{{ m() }}{{ x }}", "{% macro m() %}{{ x }}{% endmacro %}{% set x = 1 %}{{ m() }}", "{% for i in l %}{% macro m() %}{{ i }}{% endmacro %}{{ m() }}{% endfor %}{{ m is defined }}", "{% macro a() %}{% macro b() %}B{% endmacro %}{{ b() }}{% endmacro %}{{ a() }}",
    "{% filter upper %}a{{ s }}{% endfilter %}", "{% filter replace('a', 'b') | upper %}banana{% endfilter %}", "{% filter indent(2) %}a\nb{% endfilter %}", "{% with a = 1, b = i %}{{ a }}{{ b }}{% endwith %}{{ a }}", "{% with %}{% set q2 = 1 %}{{ q2 }}{% endwith %}{{ q2 }}", "{% set a = 1 %}{% with a = 2, b = a %}{{ a }}{{ b }}{% endwith %}",
    "{% raw %}{{ x }}{% if %}{# #}{% endraw %}", "a {%- raw -%} {{ x }} {%- endraw -%} b", "{% raw %}\n x\n{% endraw %}\ny", "  {% raw %} x{% endraw %}", "a{# c #}b", "a {#- c -#} b", "a\n  {# c #}\nb", "a\n  {#+ c +#}\nb", "{# {{ x }} {% if %} #}", "{#", "{% raw %}x", "{#-#}x",
    "a\n{% if t %}\nb\n{% endif %}\nc\n", "a\n  {% if t %}\n  b\n  {% endif %}\nc\n\n", "a\n  {%- if t -%}\n  b\n  {%- endif -%}\nc", "a\n  {%+ if t %}\n  b\n  {%+ endif +%}\nc", "  {{ i }}  \n  {{- i -}}  \n x", "{{ i }}\n\n", "{{ i }}\n", "\n", "", "\n\n", "x\r\ny\rz\r\n", "{% if t %}a{% endif %}  \nb", " x {% if t %} a {% endif %} b", "{{ i -}}\n  {% if t %} y{% endif %}", "{{ i }}\n  {% set z = 1 %}\n  x", "{% set z = 1 -%}   \n\n  x", "{% set z = 1 +%}\n  x", "\t {% set z = 1 %}\t\nq", "\u00a0{% set z = 1 %}x\u00a0{%- set z = 1 %}", "{{-1}}{{ -1 }}{{+1}}", "{{ 'a' -}} b {{- 'c' }}",
    "{{ {'a': {'b': 1}}['a']['b'] }}", "{{ {'a': 1}}}", "{{ '}}' }}", "{{ \"%}\" }}{% set a = '%}' %}{{ a }}", "{ {{ '{' }} }", "{{ '{{' }}", "{{ 'a\nb' }}", "{{ 'a\\\nb' }}", "{% set a = {\n'x': [1,\n2]} %}{{ a }}", "{{ i\n+\n1 }}", "{{ }}", "{{ 1 2 }}", "{{ 1", "{% if %}", "{% if t %}", "{% endif %}", "{% for %}", "{% for x l %}{% endfor %}", "{% nope %}", "{% set %}", "{% set 1 = 2 %}", "{% set true = 2 %}", "{{ a b }}", "{{ 'a }}", "{{ 1 + }}", "{{ (1 }}", "{{ [1 }}", "{{ 1] }}", "{{ (1] }}", "{{ a. }}", "{{ a..b }}", "{{ a[] }}", "{{ f(a=1, 2) }}", "{{ f(**{}, *[]) }}", "{{ 1 if }}", "{{ not }}", "{{ $ }}", "{{ a ! b }}", "{{ 012 }}", "{{ '\\x4' }}", "{{ '\\u12' }}", "{{ 'a' | }}", "{{ a is }}", "{% macro %}{% endmacro %}", "{% macro m(a=1, b) %}{% endmacro %}", "{% call 5 %}{% endcall %}", "{% if t %}{% endfor %}", "{% else %}", "{% set x %}",
    "{% generation %}a{{ i }}{% set q3 = 1 %}{% endgeneration %}{{ q3 }}", "{% set c = cycler('a', 'b') %}{{ c.next() }}{{ c.next() }}{{ c.next() }}{{ c.current }}{{ c.reset() }}{{ c.current }}", "{% set j = joiner('; ') %}{% for x in l %}{{ j() }}{{ x }}{% endfor %}", "{% set j = joiner() %}{{ j() }}1{{ j() }}2",
    "{% set it = l|map('string') %}{{ it|list }}{{ it|list }}", "{% set it = l|reverse %}{{ it|first }}{{ it|list }}", "{% set it = l|select %}{% for x in it %}{{ x }}{{ loop.last }}{% endfor %}{% for x in it %}{{ x }}{% else %}gone{% endfor %}", "{{ l|map('string') is iterable }}{{ (l|map('string'))[0] }}{{ 'a' in (l|map('string')) }}{{ '1' in (l|map('string')) }}",
    "{% if t %}{% if b %}x{% else %}y{% endif %}{% endif %}", "{% for x in l -%}\n {{ x }},\n{%- endfor %}", "{% for m in us %}\n{{ m.name }}\n  {% if not loop.last %}\n--\n  {% endif %}\n{% endfor %}", "{{ us }}", "{{ d }}{{ lm }}{{ u }}{{ (u,) }}", "{{ 9223372036854775807 }}", "{{ i.__class__ }}", "{{ us[0]['name'].upper()[0:1] ~ us[-1]['x'] }}", "{{ caller }}{{ varargs }}", "{% set range = 5 %}{{ range }}", "{{ [1,2,] }}{{ {'a':1,} }}{{ (1,) }}", "{{ dict(a=1).a }}{{ dict(**d) }}", "{% if 'a' is in d and not 'z' is in d %}ok{% endif %}", "{{ 1 if t else x.y.z }}", "{{ (x.y if b) or 'q' }}", "{{ 'a' if x else 'b' if t }}",
]


def test_expressions():
    cases = [part.strip() for line in EXPRESSIONS.strip().split("\n") for part in line.split(" | ")]
    oracle.assert_agreement([("{{ " + case + " }}", CONTEXT) for case in cases])


def test_filters():
    cases = [part.strip() for line in FILTERS.strip().split("\n") for part in line.split(" ;; ")]
    oracle.assert_agreement([("{{ " + case + " }}", CONTEXT) for case in cases])


def test_statements():
    oracle.assert_agreement([(template, CONTEXT) for template in STATEMENTS])
