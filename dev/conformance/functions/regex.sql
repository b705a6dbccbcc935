# Regular expressions: what Spark makes of Java's. What Java's matcher does has a file of its own,
# crates/java-regex/tests/golden/pairs.tsv.
# Kinds of syntax
'Col1' rlike r'^(Col1)?+.+$'
'aaa' rlike r'a++a'
'ſ' rlike '(?i)s'
'ſ' rlike '(?iu)s'
'ſ' rlike '(?iU)s'
'K' rlike '(?iu)k'
'z' rlike '[[:alpha:]]'
'a' rlike '[[:alpha:]]'
'ab12' rlike r'(?<=b)\d'
'ab12' rlike r'(?<!b)\d\z'
'price: 10' rlike r'\d+(?! EUR)'
'abab' rlike r'^(ab)\1$'
'abba' rlike r'(?<x>b)\k<x>'
'foobar' rlike r'(?>foo|foob)ar'
'a\nb' rlike 'a.b'
'a\rb' rlike 'a.b'
'a\u0085b' rlike 'a.b'
'a\u2028b' rlike 'a.b'
'a\nb' rlike '(?s)a.b'
'a\rb' rlike '(?d)a.b'
'a\nb' rlike '^b'
'a\nb' rlike '(?m)^b'
'a\r\n' rlike 'a$'
'a\n\n' rlike 'a$'
'a\u2029' rlike 'a$'
'a\r' rlike '(?d)a$'
'a\n' rlike r'a\z'
'a\n' rlike r'a\Z'
'日本' rlike r'\b本'
'é' rlike r'\w'
'é' rlike r'(?U)\w'
'é' rlike r'\bé\b'
'٣' rlike r'\d'
'٣' rlike r'(?U)\d'
'\u00a0' rlike r'\s'
'\u00a0' rlike r'\h'
'\u000b' rlike r'\v'
'\u2028' rlike r'\v'
'a\r\nb' rlike r'a\Rb'
'e\u0301x' rlike r'^\Xx$'
'A1' rlike r'\p{javaUpperCase}\p{Digit}'
'λ' rlike r'\p{IsGreek}'
'λ' rlike r'\p{InGreek}'
'λ' rlike r'\p{script=Greek}'
'λ' rlike r'\p{L}'
'λ' rlike r'\p{Lower}'
'λ' rlike r'(?U)\p{Lower}'
'a' rlike r'(?i)\p{Lu}'
'b' rlike '[a-c&&[^b]]'
'c' rlike '[a-c&&[^b]]'
'd' rlike '[a-c[d-f]]'
'b' rlike '[a-z&&[def]]'
'a.b' rlike r'\Qa.b\E'
'axb' rlike r'\Qa.b\E'
'a b' rlike r'(?x) a \  b # words'
'Aé' rlike r'\x41\u00e9'
'A' rlike r'\0101'
'\u0001' rlike r'\cA'
'😀' rlike '^.$'
'😀' rlike '^..$'
'😀' rlike r'\x{1F600}'
'😀' rlike r'\ud83d\ude00'
'aaaa' rlike '^a{2}{2}$'
'x' rlike '{2}'
'' rlike ''
'abc' rlike ''
'ab' rlike '(?i)AB'
'aB' rlike 'a(?i)b'
'aB' rlike '(?-i)ab'
regexp_like('2024-05-01', r'^\d{4}-\d{2}-\d{2}$')
regexp('abc', 'b')
rlike('abc', 'b')
cast(null as string) rlike 'a'
'a' rlike cast(null as string)
# Patterns that Java refuses
!'a' rlike '('
'a' rlike ')'
'a' rlike '['
'a' rlike '*a'
'a' rlike 'a**'
'a' rlike 'a{2,1}'
'a' rlike r'\p{Foo}'
'a' rlike r'\y'
'a' rlike '(?<=a*b|(ab)+)c'
regexp('a', '(')
rlike('a', '(')
regexp_like('a', '(')
regexp_replace('a', '(', 'x')
regexp_extract('a', '(', 0)
regexp_extract_all('a', '(', 0)
regexp_count('a', '(')
regexp_substr('a', '(')
regexp_instr('a', '(')
split('a', '(')
split('a', '(', 2)
str_to_map('a', '(', ':')
str_to_map('a', ',', '(')
rlike(if(rand() < 2, 'a', 'b'), '(')
rlike('a', if(rand() < 2, '(', 'b'))
regexp_count('a', if(rand() < 2, '(', 'b'))
split('a', if(rand() < 2, '(', 'b'))
# Replacement
regexp_replace('aaa', 'a++a', 'x')
regexp_replace('John Smith', r'(\w+) (\w+)', '$2 $1')
regexp_replace('John Smith', r'(?<first>\w+) (?<last>\w+)', concat('$', '{last}-$', '{first}'))
regexp_replace('abc', 'b', r'\$0')
regexp_replace('abc', 'b', r'\\')
regexp_replace('abc', '(b)', '$10')
regexp_replace('abc', '(b)|(z)', '<$2>')
regexp_replace('abc', 'x*', '-')
regexp_replace('baaac', 'a*', 'x')
regexp_replace('😀', 'a*', 'x')
regexp_replace('😀', '', '')
regexp_replace('😀😀', '.', 'x')
regexp_replace('a\nb\n', '(?m)$', ';')
regexp_replace('aXbX', '(?i)x', '')
regexp_replace('abc', 'b', '$1')
regexp_replace('abc', 'b', '$')
regexp_replace('abc', 'b', '$x')
regexp_replace('abc', 'b', concat('$', '{x}'))
regexp_replace('abc', '(?<x>b)', concat('$', '{x'))
regexp_replace('abc', '(?<x>b)', concat('$', '{}'))
regexp_replace('abc', '(?<x>b)', concat('$', '{1}'))
regexp_replace('abc', 'z', '$1')
regexp_replace('abc', 'b', cast(null as string))
regexp_replace('abcabc', 'b', 'x', 3)
regexp_replace('abcabc', '^c', 'x', 3)
regexp_replace('abcabc', '(?<=b)c', 'x', 3)
regexp_replace('abcabc', r'\bc', 'x', 3)
regexp_replace('abc', 'b', 'x', 1)
regexp_replace('abc', 'c', 'x', 3)
regexp_replace('abc', '$', 'x', 3)
regexp_replace('abc', '$', 'x', 4)
regexp_replace('abc', 'c', 'x', 9)
regexp_replace('', '', 'x', 1)
regexp_replace('', '', 'x', 2)
regexp_replace('😀a', 'a', 'x', 3)
regexp_replace('😀a', 'a', 'x', 4)
regexp_replace('😀a', '.', 'x', 2)
regexp_replace('abc', 'b', 'x', 0)
regexp_replace('abc', 'b', 'x', -1)
regexp_replace('abc', 'b', 'x', cast(null as int))
regexp_replace('abc', 'b', 'x', '2')
regexp_replace('abc', 'b', 'x', 2.9)
regexp_replace('abc', 'b', 'x', if(rand() < 2, 2, 3))
# Extraction
regexp_extract('100-200', r'(\d+)-(\d+)', 1)
regexp_extract('100-200', r'(\d+)-(\d+)', 2)
regexp_extract('100-200', r'(\d+)-(\d+)', 0)
regexp_extract('100-200', r'(\d+)-(\d+)')
regexp_extract('foo', 'bar', 1)
regexp_extract('foo', '(bar)', 1)
regexp_extract('b', '(a)?b', 1)
regexp_extract('a', 'a')
regexp_extract('a', 'a', 2)
regexp_extract('a', 'a', -1)
regexp_extract('z', 'a', 2)
regexp_extract('z', 'a', -1)
regexp_extract('aabb', '((a)|b)*', 2)
regexp_extract('ababab', '(ab)*', 1)
regexp_extract('abcd', r'((\w)\w)*\w', 2)
regexp_extract('aa', '(a*)*', 1)
regexp_extract('aab', '(a+?)b', 1)
regexp_extract(cast(null as string), 'a', 0)
regexp_extract_all('100-200, 300-400', r'(\d+)-(\d+)', 1)
regexp_extract_all('100-200, 300-400', r'(\d+)-(\d+)')
regexp_extract_all('100-200, 300-400', r'(\d+)-(\d+)', 0)
regexp_extract_all('abc', 'z', 0)
regexp_extract_all('abc', 'b*', 0)
regexp_extract_all('baaac', '(a)*', 1)
regexp_extract_all('😀', 'a*', 0)
regexp_extract_all('ab', '(a)|b', 1)
regexp_extract_all('abc', 'b', 1)
regexp_extract_all('abc', 'b', -1)
regexp_extract_all('abc', 'z', 2)
regexp_count('abcabc', 'b')
regexp_count('abc', '')
regexp_count('😀', '')
regexp_count('😀😀', '.')
regexp_count('aaaa', 'aa')
regexp_count('aXbX', '(?i)x')
regexp_substr('abc', '[bc]+')
regexp_substr('abc', 'z')
regexp_substr('abc', 'z*')
regexp_substr('abc', '(?=b)')
regexp_instr('abcb', 'b')
regexp_instr('abc', 'z')
regexp_instr('abc', '')
regexp_instr('😀b', 'b')
regexp_instr('éb', 'b')
regexp_instr('abc', '(b)', 1)
regexp_instr('abc', '(b)', 5)
regexp_instr('abc', '(b)', -1)
regexp_instr('', 'b')
regexp_instr('', '')
# Split
split('aab', 'a*')
split('aab', 'a*', 2)
split('abc', '')
split('abc', '', 2)
split('abc', '', 3)
split('abc', '', 4)
split('', '')
split('', ',')
split(',a,,b,,', ',')
split(',a,,b,,', ',', 0)
split(',a,,b,,', ',', 1)
split(',a,,b,,', ',', 2)
split(',a,,b,,', ',', 3)
split('oneAtwoBthreeC', '[ABC]')
split('a.b', '.')
split('a.b', r'\.')
split('a1b2', r'(?=\d)')
split('a1b2', r'(?<=\d)')
split('😀', 'a*')
split('😀b', '')
split('😀', '')
split('a|b', '|')
split('a|b', r'\|')
split('a||b', r'\|')
split('a,b', ',', -5)
split('a b  c', r'\s+')
split(' a b', ' ')
split('abc', '^')
split('abc', '$')
split('a\n', '$')
split('ab', cast(null as string))
# Maps
str_to_map('a:1,b:2')
str_to_map('a:1,b:2', ',', ':')
str_to_map('a1b2', '(?<=[0-9])', '(?=[0-9])')
str_to_map('a=1&b=2', '&', '=')
str_to_map('a:1,b', ',', ':')
str_to_map('a.1|b.2', r'\|', r'\.')
str_to_map('', ',', ':')
str_to_map('abc', '', ':')
str_to_map('a:1', ',', '')
str_to_map('a:1:2', ',', ':')
str_to_map('a:1,,b:2', ',', ':')
str_to_map('a:1,b:2,', ',', ':')
str_to_map('aab', 'a*', ':')
# LIKE
'ſ' ilike 's'
'İ' ilike 'i%'
'ı' ilike 'i'
'K' ilike 'k'
'Σ' ilike 'σ'
'ς' ilike 'σ'
'Straße' ilike 'STRASSE'
'É' ilike 'é'
'ÀB' ilike '_b'
'İ' ilike '_'
'İ' ilike '__'
'AbC' ilike 'aBc'
'a_c' ilike 'A\\_C'
'abc' ilike 'A\\_C'
'aXc' ilike 'AxC' escape 'x'
'aXc' ilike 'AXxC' escape 'X'
'a%c' ilike 'A/%C' escape '/'
ilike('abc', 'A/%C', '/')
ilike('a%c', 'A/%C', '/')
'a\nb' like 'a%b'
'a\nb' like 'a_b'
'a\r\nb' like 'a__b'
'a\n' like 'a'
'a\n' like 'a_'
'a\u2028b' like 'a_b'
'😀' like '_'
'😀' like '__'
'a.c' like 'a.c'
'abc' like 'a.c'
'a(c' like 'a(%'
'a\\c' like 'a\\\\c'
'abc' like 'a\\bc'
'abc' like 'abc\\'
'abc' ilike 'a\\bc'
'abc' ilike 'abc\\'
'abc' like any ('%b%', 'z')
'abc' like all ('%b%', 'z')
'abc' like all ('%b%', 'a%')
'abc' not like any ('%b%', 'z')
'abc' not like all ('%b%', 'z')
'abc' ilike any ('%B%', 'Z')
'abc' ilike all ('%B%', 'A%')
'abc' not ilike any ('%B%', 'Z')
'abc' not ilike all ('%B%', 'Z')
'ſ' ilike any ('s', 'k')
'abc' like any ('a\\bc', 'z')
'abc' like all ('z', 'abc\\')
cast(null as string) like all ('a', 'b')
'a' like any ('a', null)
'a' like all ('a', null)
'a' like all ('b', null)
'a' like any ('b', null)
'a' ilike any ('A', null)
'a' ilike all ('B', null)
