-- SPDX-License-Identifier: MIT
-- orders.sql: what sqlite3 runs for its trace.
create table part(id integer primary key, name text, price real);
create table orders(id integer primary key, part integer, count integer);
create index by_part on orders(part);
with recursive n(i) as (select 1 union all select i+1 from n where i<900) insert into part select i, 'part number '||i, i*1.5 from n;
with recursive n(i) as (select 1 union all select i+1 from n where i<5000) insert into orders select i, i*37%900+1, i%7+1 from n;
select name, sum(count*price) s from part join orders on orders.part=part.id group by name order by s desc limit 10;
update part set price=price*1.1 where id%3=0;
select count(*), group_concat(name) from (select distinct name from part where name like '%9%' order by name);
delete from orders where part in (select id from part where price>300);
select part, count(*), max(count) from orders group by part having count(*)>2 order by 2 desc, 1 limit 20;
create table words(w text primary key, n integer) without rowid;
with recursive n(i) as (select 1 union all select i+1 from n where i<3000) insert into words select 'w'||(i*7919%1009), 1 from n where true on conflict(w) do update set n=n+1;
select substr(w,1,2) p, sum(n), json_group_array(w) from words group by p limit 30;
select json_extract(value,'$.a'), upper(value) from json_each('[{"a":1},{"a":2},{"a":3}]');
