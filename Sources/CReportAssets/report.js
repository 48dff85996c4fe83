// The HTML report of lacuna score: theme, links that open what they point to, filters. Everything reads without it.
(function () {
  'use strict';
  var root = document.documentElement;

  // Theme: follow the system until the toggle decides; remembered where storage is allowed (file: may not be).
  var themes = ['auto', 'light', 'dark'];
  var toggle = document.getElementById('theme');
  function remembered() { try { return localStorage.getItem('lacuna-theme'); } catch (error) { return null; } }
  function remember(name) { try { localStorage.setItem('lacuna-theme', name); } catch (error) { /* not kept */ } }
  function show(name) {
    if (name === 'auto') { root.removeAttribute('data-theme'); } else { root.setAttribute('data-theme', name); }
    toggle.textContent = 'Theme: ' + name;
  }
  var theme = themes.indexOf(remembered()) >= 0 ? remembered() : 'auto';
  show(theme);
  toggle.hidden = false;
  toggle.addEventListener('click', function () {
    theme = themes[(themes.indexOf(theme) + 1) % themes.length];
    show(theme);
    remember(theme);
  });

  // A link to a root opens it.
  function reveal() {
    var target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (target && target.tagName === 'DETAILS') {
      target.hidden = false;
      target.open = true;
      target.scrollIntoView();
    }
  }
  window.addEventListener('hashchange', reveal);
  reveal();

  // Filters: every form.filter names the items it filters; words must all occur, selects must match.
  Array.prototype.forEach.call(document.querySelectorAll('form.tools'), function (form) {
    var items = Array.prototype.slice.call(document.querySelectorAll(form.getAttribute('data-items')));
    var texts = items.map(function (item) { return item.getAttribute('data-text').toLowerCase(); });
    var count = form.querySelector('.count');
    form.hidden = false;
    function apply() {
      var words = form.elements.text.value.toLowerCase().split(/\s+/).filter(Boolean);
      var state = form.elements.state.value;
      var family = form.elements.family.value;
      var shown = 0;
      items.forEach(function (item, index) {
        var visible = (!state || item.getAttribute('data-state') === state) &&
          (!family || (' ' + item.getAttribute('data-families') + ' ').indexOf(' ' + family + ' ') >= 0) &&
          words.every(function (word) { return texts[index].indexOf(word) >= 0; });
        item.hidden = !visible;
        if (visible) { shown += 1; }
      });
      count.textContent = shown + ' of ' + items.length;
    }
    form.addEventListener('input', apply);
    form.addEventListener('submit', function (event) { event.preventDefault(); });
    form.addEventListener('reset', function () { setTimeout(apply, 0); });
    Array.prototype.forEach.call(form.querySelectorAll('button[data-open]'), function (button) {
      button.addEventListener('click', function () {
        items.forEach(function (item) { if (!item.hidden) { item.open = button.getAttribute('data-open') === 'true'; } });
      });
    });
    // A link to some of the cells says which: index.html?family=mount#cells
    if (form.querySelector('#cell-text')) {
      new URLSearchParams(location.search).forEach(function (value, name) {
        if (form.elements[name]) { form.elements[name].value = value; }
      });
    }
    apply();
  });
  // Filters change what is above the place that was asked for.
  var asked = location.search && location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (asked) { asked.scrollIntoView({ behavior: 'instant' }); }

  // "/" goes to the filter of the cells, as in many readers.
  document.addEventListener('keydown', function (event) {
    var field = document.getElementById('cell-text');
    if (event.key === '/' && field && !/^(INPUT|SELECT|TEXTAREA)$/.test(document.activeElement.tagName)) {
      event.preventDefault();
      field.focus();
    }
  });
})();
