"""The Qt style sheet, written from the theme's tokens.

Type selectors name our own widget classes where the plain Qt class should stay as Fusion draws it.
"""

from __future__ import annotations

from string import Template

from ovedit.resources import resource_path
from ovedit.ui.tokens import RADIUS_BUTTON, RADIUS_CARD, RADIUS_FIELD, Tokens

_SHEET = Template("""
QMainWindow, QMainWindow > QWidget#central { background: $window; }
QMainWindow::separator { background: $line; width: 1px; height: 1px; }
QMainWindow::separator:hover { background: $accent; }
QDialog { background: $panel; }
QDockWidget { color: $dim; }
QToolTip { background: $raised; color: $text; border: 1px solid $line; padding: 4px 6px; }

QMenuBar { background: $window; border-bottom: 1px solid $line; padding: 3px 4px; }
QMenuBar::item { background: transparent; padding: 4px 9px; border-radius: ${field}px; }
QMenuBar::item:selected, QMenuBar::item:pressed { background: $hover; }
QMenu { background: $raised; border: 1px solid $line; padding: 4px 0; }
QMenu::item { padding: 5px 28px 5px 10px; }
QMenu::item:selected { background: $chosen; }
QMenu::item:disabled { color: $disabled; }
QMenu::separator { height: 1px; background: $line; margin: 4px 0; }
QMenu::icon { margin-left: 6px; padding: 2px; }
QMenu::icon:checked { background: $chosen; border: 1px solid $accent; border-radius: 4px; }

QToolBar { background: $panel; border: 0; spacing: 6px; padding: 6px; }
QToolBar:top { border-bottom: 1px solid $line; }
QToolBar:left, QToolBar:right { border-right: 1px solid $line; padding: 6px; spacing: 3px; }
QToolBar::separator:horizontal { width: 1px; background: $line; margin: 6px 4px; }
QToolBar::separator:vertical { height: 1px; background: $line; margin: 4px; }
QStatusBar { background: $window; border-top: 1px solid $line; color: $dim; font-size: 12px; }
QStatusBar::item { border: 0; }
QStatusBar QLabel { color: $dim; font-size: 12px; }
QStatusBar QToolButton { color: $dim; font-size: 12px; padding: 0 6px; }
QStatusBar QToolButton:hover { color: $text; }

QToolButton {
    background: transparent; border: 1px solid transparent; border-radius: 6px; padding: 3px;
    color: $text;
}
QToolButton:hover { background: $hover; }
QToolButton:pressed, QToolButton:open { background: $line; }
QToolButton:focus { border-color: $accent; }
QToolButton:disabled { color: $disabled; }
QToolButton::menu-indicator { image: none; }
QToolButton:checked { background: $chosen; }
QToolButton[tool="true"]:checked { background: $accent; border-color: $accent; }
QToolButton[tool="true"]:checked:focus { border-color: $text; }
QToolButton[tool="true"]:checked:disabled { background: $hover; border-color: $line; }
QToolButton[field="true"] {
    background: $raised; border: 1px solid $line; border-radius: ${field}px; padding: 3px 8px;
}
QToolButton[field="true"]:hover { background: $raised_hover; }
QToolButton[field="true"]:checked { background: $chosen; border-color: $accent; }
QToolButton[field="true"]:disabled { background: $panel; border-color: $line; }
QToolButton[field="true"]:focus { border-color: $accent; }
QToolButton[row="true"] { border-radius: 4px; padding: 2px; }
QToolButton[row="true"]:checked { background: transparent; }
QToolButton[row="true"]:hover { background: $line; }

QPushButton {
    background: $raised; border: 1px solid $line; border-radius: ${button}px; color: $text;
    padding: 0 12px; min-height: 32px;
}
QPushButton:hover { background: $raised_hover; }
QPushButton:pressed { background: $line; }
QPushButton:focus { border-color: $accent; }
QPushButton:disabled { color: $disabled; }
QPushButton:checked { background: $chosen; border-color: $accent; }
QPushButton:default {
    background: $accent; border-color: $accent; color: $on_accent; font-weight: 600;
}
QPushButton[primary="true"] {
    background: $accent; border-color: $accent; color: $on_accent; font-weight: 600;
}
QPushButton:default:hover, QPushButton[primary="true"]:hover {
    background: $accent_hover; border-color: $accent_hover;
}
QPushButton:default:focus, QPushButton[primary="true"]:focus { border: 2px solid $text; }
QPushButton:default:disabled, QPushButton[primary="true"]:disabled {
    background: $hover; border-color: $line; color: $disabled;
}
QPushButton[small="true"] { padding: 0 10px; min-height: 26px; }
QPushButton[small="true"][slim="true"] { min-height: 20px; font-size: 12px; }
QPushButton[small="true"][panel="true"] { background: $panel; }
QPushButton[small="true"][panel="true"]:hover { background: $hover; }
QPushButton[small="true"][panel="true"]:checked { background: $chosen; }
QPushButton[field="true"] { border-radius: ${field}px; min-height: 24px; }
QPushButton::menu-indicator { image: none; }

QLineEdit, QPlainTextEdit, QTextEdit {
    background: $raised; border: 1px solid $line; border-radius: ${field}px; color: $text;
    padding: 3px 7px; selection-background-color: $accent; selection-color: $on_accent;
}
QLineEdit:focus, QPlainTextEdit:focus, QTextEdit:focus { border-color: $accent; }
QLineEdit:disabled { color: $disabled; }
QLineEdit#numeric { padding: 3px 6px; }
QLineEdit#rename { padding: 1px 4px; }
ComboBox {
    background: $raised; border: 1px solid $line; border-radius: ${field}px; color: $text;
    padding: 3px 24px 3px 8px; min-height: 18px;
}
ComboBox:hover { background: $raised_hover; }
ComboBox:focus { border-color: $accent; }
ComboBox:disabled { color: $disabled; }
ComboBox { combobox-popup: 0; }
ComboBox::drop-down { border: 0; width: 22px; }
ComboBox::down-arrow { image: none; }
QComboBox QAbstractItemView {
    background: $raised; border: 1px solid $line; outline: 0; padding: 4px 0;
    selection-background-color: $chosen; selection-color: $text;
}
QComboBox QAbstractItemView::item { min-height: 26px; padding: 0 6px; }

QSlider::groove:horizontal { height: 4px; background: $line; border-radius: 2px; }
QSlider::sub-page:horizontal { background: $accent; border-radius: 2px; }
QSlider::sub-page:horizontal:disabled { background: $disabled; }
QSlider::handle:horizontal {
    background: $text; width: 12px; height: 12px; margin: -4px 0; border-radius: 6px;
}
QSlider::handle:horizontal:focus {
    border: 2px solid $accent; width: 10px; height: 10px; margin: -5px 0; border-radius: 7px;
}
QSlider::handle:horizontal:disabled { background: $disabled; }

RowList, QWidget#rows { background: transparent; border: 0; }
QTreeView::item { min-height: 26px; }
QScrollBar:vertical { background: transparent; width: 10px; margin: 2px; }
QScrollBar:horizontal { background: transparent; height: 10px; margin: 2px; }
QScrollBar::handle { background: $line; border-radius: 3px; }
QScrollBar::handle:hover { background: $dim; }
QScrollBar::handle:vertical { min-height: 28px; }
QScrollBar::handle:horizontal { min-width: 28px; }
QScrollBar::add-line, QScrollBar::sub-line { width: 0; height: 0; }
QScrollBar::add-page, QScrollBar::sub-page { background: transparent; }

QListView, QTreeView, QTableView { background: $panel; border: 0; outline: 0; color: $text; }
QListView::item:selected, QTreeView::item:selected, QTableView::item:selected {
    background: $selected; color: $text;
}
QHeaderView::section {
    background: $panel; color: $dim; border: 0; border-bottom: 1px solid $line; padding: 4px 8px;
}
QTabBar::tab { background: $panel; color: $dim; padding: 6px 12px; border: 0; }
QTabBar::tab:selected { color: $text; border-bottom: 2px solid $accent; }
QTabBar::tab:hover { color: $text; }

QLabel[role="dim"] { color: $dim; }
QLabel[role="dim_selected"] { color: $selected_dim; }
QLabel[role="heading"] { color: $dim; font-size: 12px; font-weight: 600; }
QLabel[role="heading"][on="canvas"] { color: $selected_dim; }
QLabel[role="title"] { font-size: 17px; font-weight: 600; }
QLabel[role="caption"] { color: $dim; padding: 4px 14px 0 0; }
QLabel[role="message"] {
    background: $raised; border: 1px solid $line; border-left: 3px solid $accent;
    border-radius: ${field}px; padding: 8px 12px;
}
QLabel[role="strong"] { font-weight: 600; }
QFrame[role="rule"] { background: $line; border: 0; max-height: 1px; min-height: 1px; }
QFrame[role="column"] { background: $line; border: 0; }
QLabel[role="message"][kind="error"] { border-left-color: $bad; }
QLabel:disabled, QLabel[role="dim"]:disabled { color: $disabled; }

PanelHeader { background: $panel; }
MasksPanel, LayersPanel, HistoryPanel, JobsPanel { background: $panel; }

PromptCard { background: $raised; border: 1px solid $line; border-radius: ${card}px; }
PromptCard[floating="false"] { border-radius: 0; border: 0; border-top: 1px solid $line; }
PromptCard QLineEdit {
    background: $panel; border-radius: ${button}px; padding: 0 9px; min-height: 32px;
}
PromptCard QLineEdit#numeric { padding: 0 6px; }
PromptCard QPushButton { background: $panel; }
PromptCard QPushButton:hover { background: $hover; }
PromptCard QPushButton[primary="true"] { background: $accent; }
PromptCard QPushButton[primary="true"]:hover { background: $accent_hover; }
PromptCard QPushButton[primary="true"]:disabled { background: $hover; }
HistoryPopup { background: $raised; border: 1px solid $line; border-radius: ${button}px; }
HistoryPopup QListWidget { background: $raised; }
HistoryPopup QListWidget::item { padding: 0 6px; border-radius: 4px; }
HistoryPopup QListWidget::item:selected { background: $chosen; color: $text; }
GalleryStrip { background: $raised; border: 1px solid $line; border-radius: ${card}px; }
GalleryStrip:focus { border-color: $accent; }
GalleryStrip QScrollArea { background: transparent; }
QToolButton[over="true"] { background: $raised; border: 1px solid $line; }
StartPage { background: $canvas; border: 0; }

QFileDialog QToolButton#backButton { qproperty-icon: url("$icons/back.svg"); }
QFileDialog QToolButton#forwardButton { qproperty-icon: url("$icons/forward.svg"); }
QFileDialog QToolButton#toParentButton { qproperty-icon: url("$icons/up.svg"); }
""")


def stylesheet(t: Tokens) -> str:
    """The whole application's style sheet in the colours of `t`."""
    colours = {name: getattr(t, name) for name in dir(t) if not name.startswith("_")}
    # Where the system has no file dialog, Qt shows its own, whose arrows are black on any theme.
    icons = resource_path("dialog-icons").as_posix()
    return _SHEET.substitute(
        colours, field=RADIUS_FIELD, button=RADIUS_BUTTON, card=RADIUS_CARD, icons=icons
    )
